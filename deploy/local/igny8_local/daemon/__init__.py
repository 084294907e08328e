"""The supervisor as a process of its own."""
