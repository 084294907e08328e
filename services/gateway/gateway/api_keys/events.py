"""What can happen to an API key, and what is then true. The key itself is in no fact, only its keyed hash (`secret.py`)."""

from dataclasses import dataclass, replace
from typing import Literal, assert_never
from uuid import UUID

from common.eventsourcing.event import Event

Scope = Literal["read", "write", "ai", "publish", "webhook"]
"""What each grants stands in common/auth/permissions.py."""


class ApiKeyMade(Event, frozen=True):
    api_key_id: UUID
    name_cipher: str
    prefix: str
    hash: str
    scopes: tuple[Scope, ...]
    site_ids: tuple[UUID, ...] | None = None
    """None: all sites of the account."""
    expires_at: str | None = None
    """RFC 3339, UTC."""


class ApiKeyChanged(Event, frozen=True):
    name_cipher: str
    scopes: tuple[Scope, ...]
    site_ids: tuple[UUID, ...] | None = None
    expires_at: str | None = None


class ApiKeyRotated(Event, frozen=True):
    """A new secret; the one before it is good until `old_until` (RFC 3339, UTC)."""

    prefix: str
    hash: str
    old_hash: str
    old_until: str


class ApiKeyRevoked(Event, frozen=True):
    """For good: no secret of this key opens anything any more."""


ApiKeyEvent = ApiKeyMade | ApiKeyChanged | ApiKeyRotated | ApiKeyRevoked


@dataclass(frozen=True)
class NoKey:
    """Nobody has made it."""


@dataclass(frozen=True)
class Key:
    name_cipher: str
    hash: str
    scopes: tuple[Scope, ...]
    site_ids: tuple[UUID, ...] | None
    expires_at: str | None


@dataclass(frozen=True)
class RevokedKey:
    """It stays in the list of the deleted ones."""


ApiKeyState = NoKey | Key | RevokedKey


def evolve(state: ApiKeyState, event: ApiKeyEvent) -> ApiKeyState:
    if isinstance(event, ApiKeyMade):
        return Key(event.name_cipher, event.hash, event.scopes, event.site_ids, event.expires_at)
    if not isinstance(state, Key):
        return state
    match event:
        case ApiKeyChanged(name_cipher, scopes, site_ids, expires_at):
            return Key(name_cipher, state.hash, scopes, site_ids, expires_at)
        case ApiKeyRotated():
            return replace(state, hash=event.hash)
        case ApiKeyRevoked():
            return RevokedKey()
    assert_never(event)
