"""What may be decided about keywords. The commands bring the rows concerned: the account's lock keeps them true."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

import msgspec
from common.contracts.planner import KeywordStatus
from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes
from common.plan_limits import require_room

from planner.keywords.events import Keyword, KeywordsAdded, KeywordsEvent, KeywordsRemoved, KeywordsRevised

SLICE = 500
"""Keywords an event, at most."""
SLICE_BYTES, ITEM_BYTES = 200_000, 260
"""Their texts and what surrounds each in public must fit into a message of 256 kB: 255 characters can be 1,020 bytes."""


class KeywordTaken(DomainError):
    """The sector has that keyword already."""

    code = "KEYWORD_EXISTS"
    status = 409


class KeywordStatusConflict(DomainError):
    """A keyword is mapped exactly when it is in a cluster."""

    code = "INVALID_TRANSITION"


@dataclass(frozen=True)
class AddKeywords:
    """`taken` are the normalised forms the sector has already; a keyword among them is left out.

    `used` keywords are in the account, which may have `limit` (None: any number of) them.
    """

    site_id: UUID
    sector_id: UUID
    keywords: tuple[Keyword, ...]
    taken: frozenset[str] = frozenset()
    used: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class ReviseKeyword:
    """`taken` are the normalised forms of the sector's other keywords, as far as they equal the new one."""

    site_id: UUID
    sector_id: UUID
    before: Keyword
    after: Keyword
    taken: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SetStatus:
    site_id: UUID
    sector_id: UUID
    keywords: tuple[Keyword, ...]
    status: KeywordStatus


@dataclass(frozen=True)
class MapKeywords:
    """Into the cluster of each, by position; a keyword that has found a cluster meanwhile stays where it is."""

    site_id: UUID
    sector_id: UUID
    keywords: tuple[Keyword, ...]
    cluster_ids: tuple[UUID, ...]


@dataclass(frozen=True)
class UnmapKeywords:
    """Their cluster is gone."""

    site_id: UUID
    sector_id: UUID
    keywords: tuple[Keyword, ...]


KeywordsCommand = AddKeywords | ReviseKeyword | SetStatus | MapKeywords | UnmapKeywords


def decide(command: KeywordsCommand, state: None) -> Sequence[KeywordsEvent]:
    match command:
        case AddKeywords():
            return _added(command)
        case ReviseKeyword():
            return _revise(command)
        case SetStatus():
            return _set_status(command)
        case MapKeywords():
            mapped = [
                msgspec.structs.replace(keyword, status="mapped", cluster_id=cluster_id)
                for keyword, cluster_id in zip(command.keywords, command.cluster_ids, strict=True)
                if keyword.cluster_id is None and keyword.status == "new"
            ]
            return _revised(command.site_id, command.sector_id, mapped)
        case UnmapKeywords():
            return _revised(
                command.site_id, command.sector_id, [_unmapped(k) for k in command.keywords if k.cluster_id]
            )
    assert_never(command)


def _added(command: AddKeywords) -> Sequence[KeywordsEvent]:
    """All that are new, or none. Raises `PlanLimitReached`."""
    new: dict[str, Keyword] = {}
    for keyword in command.keywords:
        if keyword.normalised not in command.taken:
            new.setdefault(keyword.normalised, keyword)
    if new:
        require_room("keywords", command.limit, command.used, len(new))
    return [KeywordsAdded(command.site_id, command.sector_id, part) for part in slices(new.values())]


def _revise(command: ReviseKeyword) -> Sequence[KeywordsEvent]:
    before, after = command.before, command.after
    if after.normalised in command.taken:
        raise KeywordTaken(f"The sector has a keyword {after.keyword!r} already.")
    if (after.status == "mapped") != (after.cluster_id is not None):
        raise KeywordStatusConflict("A keyword is mapped exactly when it is in a cluster.")
    return [] if after == before else [KeywordsRevised(command.site_id, command.sector_id, (after,))]


def _set_status(command: SetStatus) -> Sequence[KeywordsEvent]:
    site_id, sector_id = command.site_id, command.sector_id
    if command.status == "archived":
        return [
            KeywordsRemoved(site_id, sector_id, tuple(keyword.keyword_id for keyword in part))
            for part in slices(command.keywords)
        ]
    if command.status == "new":
        return _revised(site_id, sector_id, [_unmapped(k) for k in command.keywords if k.status != "new"])
    loose = [keyword.keyword for keyword in command.keywords if keyword.cluster_id is None]
    if loose:
        raise KeywordStatusConflict(
            f"{len(loose)} keywords are in no cluster and cannot be mapped, for example {loose[0]!r}."
        )
    return []


def _unmapped(keyword: Keyword) -> Keyword:
    return msgspec.structs.replace(keyword, status="new", cluster_id=None)


def _revised(site_id: UUID, sector_id: UUID, keywords: list[Keyword]) -> Sequence[KeywordsEvent]:
    return [KeywordsRevised(site_id, sector_id, part) for part in slices(keywords)]


def slices(keywords: Iterable[Keyword]) -> list[tuple[Keyword, ...]]:
    """The keywords in tuples that fit into a message."""
    parts: list[list[Keyword]] = []
    size = 0
    for keyword in keywords:
        weight = ITEM_BYTES + len(keyword.keyword.encode())
        if not parts or len(parts[-1]) == SLICE or size + weight > SLICE_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(keyword)
        size += weight
    return [tuple(part) for part in parts]


def _evolve(state: None, event: KeywordsEvent) -> None:
    return None


KEYWORDS: Decider[None, KeywordsCommand] = Decider(
    category="keywords",
    initial=None,
    evolve=_evolve,
    decide=decide,
    types=EventTypes((KeywordsAdded, KeywordsRevised, KeywordsRemoved)),
)
