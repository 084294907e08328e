"""The proofs behind docs/architecture/guarantees.md: `./igny8 prove`."""
