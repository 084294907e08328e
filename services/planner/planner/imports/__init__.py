"""Keyword files that were uploaded, and what became of them."""
