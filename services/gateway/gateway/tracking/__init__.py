"""What one request cost, for who asks for it with `X-Track-Resources: 1` (PRODUCT §8)."""
