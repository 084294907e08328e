"""Durable background work on procrastinate, deferred in the transaction of the event that asks for it."""
