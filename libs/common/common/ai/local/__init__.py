"""What the `local` provider does without any model: pure, deterministic functions of the input."""
