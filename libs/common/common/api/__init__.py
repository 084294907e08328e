"""The API standard (PRODUCT §8): envelope, errors, paging, caller, idempotency."""
