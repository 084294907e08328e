"""What the gateway has seen of the other services, as its own facts: the views over all services follow from them alone.

One stream for each event that was heard, named after it, so that hearing it again changes nothing; heard again by who
understands more of it, it is seen once more, and what was seen then is added.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from common.eventsourcing.event import Event

Kind = Literal[
    "keyword",
    "cluster",
    "idea",
    "task",
    "content",
    "publication",
    "image",
    "operation",
    "ai_item",
    "run",
    "stage",
]


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an event says of one thing; None is what it does not speak of.

    Of two events about one thing the one with the greater `guard` is right, in whatever order they are heard: the version
    of the thing's stream, or how final a word is. What they say of its publication is compared by `live_guard`.
    `text_version` is the latest one of an article, `live_version` the published one (0: none); whoever speaks of an
    article's status and of no version speaks of the version after the latest known one. `amount` is words, millicredits or
    items, by kind.
    """

    kind: Kind
    id: UUID
    guard: int = 0
    site_id: UUID | None = None
    sector_id: UUID | None = None
    parent_id: UUID | None = None
    text: str | None = None
    label: str | None = None
    status: str | None = None
    archived: bool | None = None
    amount: int | None = None
    failed: int | None = None
    text_version: int | None = None
    live_version: int | None = None
    live_guard: int | None = None


class EntriesSeen(Event, frozen=True, kw_only=True):
    """`source` said `name` at `said_at`."""

    source: str
    name: str
    said_at: datetime
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Seen:
    """`sight` is what was seen last; None: nothing yet."""

    sight: "EntriesSeen | None" = None


def evolve(_seen: Seen, event: EntriesSeen) -> Seen:
    return Seen(event)
