"""Strategies: what an account wants its work to follow, as a whole or in one sector."""
