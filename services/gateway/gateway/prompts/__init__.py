"""The prompts an account has written itself."""
