"""Which AI providers an account uses, and the platform's own."""
