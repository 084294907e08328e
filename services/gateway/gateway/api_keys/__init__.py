"""API keys: what a program signs in with, one stream each."""
