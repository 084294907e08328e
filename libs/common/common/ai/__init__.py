"""The AI engine: five functions, the providers that answer them, and the record that keeps answers paid once."""
