"""Articles that a cluster could get."""
