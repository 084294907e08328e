"""The audit log: who changed what, for whom and from where."""
