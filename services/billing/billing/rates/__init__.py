"""Rate cards: what AI operations cost, by version."""
