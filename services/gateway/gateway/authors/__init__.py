"""Author profiles: in whose voice an account writes."""
