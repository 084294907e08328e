"""Notifications: what members are told of, what each has read, and what each wants to be told how."""
