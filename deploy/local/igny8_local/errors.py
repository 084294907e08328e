"""What a person at the terminal is told when the stack cannot do what was asked."""


class StackError(Exception):
    """One clear sentence: what is wrong, where, and what to do."""


class AlreadyRunning(StackError):
    """Another supervisor holds this data directory."""
