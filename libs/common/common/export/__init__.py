"""A service's part of an account's export: what it has of the account as JSON lines, told by references (docs/decisions/0009)."""
