"""How fast each part is beside a bare control on the same machine in the same minute: `python -m benchmarks`."""
