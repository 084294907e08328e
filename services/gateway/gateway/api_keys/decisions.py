"""What may be decided about an API key; no I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes
from msgspec import UNSET, UnsetType

from gateway.api_keys.events import (
    ApiKeyChanged,
    ApiKeyEvent,
    ApiKeyMade,
    ApiKeyRevoked,
    ApiKeyRotated,
    ApiKeyState,
    Key,
    NoKey,
    RevokedKey,
    Scope,
    evolve,
)

MOST_API_KEYS = 50


class ApiKeyMissing(DomainError):
    code, status = "NOT_FOUND", 404


class TooManyApiKeys(DomainError):
    """Each key has rates of its own: with any number of keys there would be no rate."""

    code = "TOO_MANY_API_KEYS"


@dataclass(frozen=True)
class MakeApiKey:
    """`there` is how many keys the account has that are not revoked."""

    made: ApiKeyMade
    there: int = 0


@dataclass(frozen=True)
class ChangeApiKey:
    """What is unset stays as it is; None is a value: all sites, no end."""

    name_cipher: str | UnsetType = UNSET
    scopes: tuple[Scope, ...] | UnsetType = UNSET
    site_ids: tuple[UUID, ...] | UnsetType | None = UNSET
    expires_at: str | UnsetType | None = UNSET


@dataclass(frozen=True)
class RotateApiKey:
    prefix: str
    hash: str
    old_until: str


@dataclass(frozen=True)
class RevokeApiKey:
    pass


ApiKeyCommand = MakeApiKey | ChangeApiKey | RotateApiKey | RevokeApiKey


def decide(command: ApiKeyCommand, state: ApiKeyState) -> Sequence[ApiKeyEvent]:
    if isinstance(command, MakeApiKey):
        if not isinstance(state, NoKey):
            return []
        if command.there >= MOST_API_KEYS:
            raise TooManyApiKeys(
                f"An account has at most {MOST_API_KEYS} API keys; revoke one first.", limit=MOST_API_KEYS
            )
        return [command.made]
    if isinstance(state, RevokedKey) and isinstance(command, RevokeApiKey):
        return []
    if not isinstance(state, Key):
        raise ApiKeyMissing("This API key does not exist, or is revoked.")
    match command:
        case ChangeApiKey():
            changed = ApiKeyChanged(
                state.name_cipher if isinstance(command.name_cipher, UnsetType) else command.name_cipher,
                state.scopes if isinstance(command.scopes, UnsetType) else command.scopes,
                state.site_ids if isinstance(command.site_ids, UnsetType) else command.site_ids,
                state.expires_at if isinstance(command.expires_at, UnsetType) else command.expires_at,
            )
            same = ApiKeyChanged(state.name_cipher, state.scopes, state.site_ids, state.expires_at)
            return [] if changed == same else [changed]
        case RotateApiKey(prefix, hash, old_until):
            return [ApiKeyRotated(prefix, hash, state.hash, old_until)]
        case RevokeApiKey():
            return [ApiKeyRevoked()]
    assert_never(command)


API_KEY: Decider[ApiKeyState, ApiKeyCommand] = Decider(
    category="api_key",
    initial=NoKey(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((ApiKeyMade, ApiKeyChanged, ApiKeyRotated, ApiKeyRevoked)),
)
