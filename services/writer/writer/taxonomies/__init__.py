"""Categories and tags of a site."""
