"""Invitations into an account: sent by e-mail, good for a week, accepted once."""
