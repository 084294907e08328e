"""Erasing an account: nothing more is recorded for it, and what lies there goes (docs/decisions/0009)."""
