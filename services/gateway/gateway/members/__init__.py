"""The users of an account as those see them who manage it; what they may is decided in the accounts stream."""
