"""Erasing an account for good: who may ask for it, and the key that goes with it."""
