"""Identifiers: time-ordered UUIDv7 for what is new, UUIDv5 for what must come out the same when it is done again."""

from uuid import UUID, uuid5

from uuid_utils.compat import uuid7

SYSTEM_ACCOUNT = UUID("00000000-0000-7000-8000-000000000001")
"""Facts that belong to no tenant (rate cards, catalogues) are recorded and said on this account."""

_NAMESPACE = UUID("6ba2bd4e-3f1c-5d0a-9d8b-1f7e63b6f2a1")


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): sorts by creation time."""
    return uuid7()


def stable_id(*parts: object) -> UUID:
    """The same parts give the same id, in every process and after every crash."""
    return uuid5(_NAMESPACE, "\x1f".join(str(part) for part in parts))
