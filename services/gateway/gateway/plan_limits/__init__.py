"""What the account's plan allows, and how much of it is used."""
