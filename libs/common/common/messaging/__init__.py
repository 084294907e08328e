"""Saying and hearing: the outbox relay, the inbox consumer, dead letters and catching up."""
