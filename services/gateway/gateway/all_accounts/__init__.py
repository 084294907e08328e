"""All accounts, as staff see them."""
