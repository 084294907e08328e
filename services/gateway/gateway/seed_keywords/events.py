"""What can happen to the seed keywords of an industry's sector. Their rows are the state; the stream orders the changes."""

from uuid import UUID

import msgspec
from common.contracts.planner import Intent
from common.eventsourcing.event import Event


class SeedKeyword(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A seed keyword as it is now.

    `normalised` is what makes it unique in its sector; `volume` is searches a month, `difficulty` 0 to 100. Unknown is
    None, never 0.
    """

    id: UUID
    keyword: str
    normalised: str
    volume: int | None = None
    difficulty: int | None = None
    intent: Intent | None = None
    is_active: bool = True


class SeedKeywordsWritten(Event, frozen=True):
    """New ones and changed ones, as they are now."""

    sector_id: UUID
    """Of the catalogue, not of a tenant's site."""
    seed_keywords: tuple[SeedKeyword, ...]
