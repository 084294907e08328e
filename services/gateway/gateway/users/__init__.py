"""People: sign-up, passwords, sessions."""
