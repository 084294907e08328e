"""The models there are, and what they cost us."""
