"""What an operator does to a running service's store: read facts, say them again, check and rebuild views, heal letters."""


class OperatorError(Exception):
    """One clear sentence for the person at the terminal."""
