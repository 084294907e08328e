"""The modules of an account, on and off."""
