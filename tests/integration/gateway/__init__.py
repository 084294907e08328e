"""The gateway on a real database. A package: what it shares ends with its last test."""
