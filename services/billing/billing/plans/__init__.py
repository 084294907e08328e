"""Plans: credits a month, and limits."""
