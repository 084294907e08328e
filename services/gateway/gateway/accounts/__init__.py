"""An account with its sites, sectors and members: one stream, all of it public."""
