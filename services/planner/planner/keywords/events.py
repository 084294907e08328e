"""What can happen to a sector's keywords. Their rows are the state; the stream orders the changes."""

from uuid import UUID

import msgspec
from common.contracts.planner import Intent, KeywordStatus
from common.eventsourcing.event import Event


class Keyword(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A keyword as it is now.

    `normalised` is what makes it unique in its sector; `volume` is searches a month, `difficulty` 0 to 100, `cpc` a
    plain decimal like "8.50". Unknown is None, never 0.
    """

    keyword_id: UUID
    keyword: str
    normalised: str
    volume: int | None = None
    difficulty: int | None = None
    intent: Intent | None = None
    status: KeywordStatus = "new"
    cluster_id: UUID | None = None
    cpc: str | None = None
    locale: str | None = None
    source: str | None = None
    volume_estimated: bool = False


class KeywordsAdded(Event, frozen=True):
    site_id: UUID
    sector_id: UUID
    keywords: tuple[Keyword, ...]


class KeywordsRevised(Event, frozen=True):
    """The keywords as they are now."""

    site_id: UUID
    sector_id: UUID
    keywords: tuple[Keyword, ...]


class KeywordsRemoved(Event, frozen=True):
    """Archived: gone from the lists and from uniqueness."""

    site_id: UUID
    sector_id: UUID
    keyword_ids: tuple[UUID, ...]


KeywordsEvent = KeywordsAdded | KeywordsRevised | KeywordsRemoved
