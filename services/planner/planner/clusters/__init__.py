"""Keywords grouped by topic."""
