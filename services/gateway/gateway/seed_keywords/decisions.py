"""What may be decided about seed keywords. The command brings the rows concerned: the account's lock keeps them true."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from common.eventsourcing.decider import Decider
from common.eventsourcing.event import EventTypes

from gateway.seed_keywords.events import SeedKeyword, SeedKeywordsWritten

SLICE = 500
"""Seed keywords an event, at most."""


@dataclass(frozen=True)
class WriteSeedKeywords:
    """Each once, of one sector; `known` are those among them that are there, by id."""

    sector_id: UUID
    seed_keywords: tuple[SeedKeyword, ...]
    known: Mapping[UUID, SeedKeyword]


def decide(command: WriteSeedKeywords, state: None) -> Sequence[SeedKeywordsWritten]:
    written = tuple(seed for seed in command.seed_keywords if command.known.get(seed.id) != seed)
    return [
        SeedKeywordsWritten(command.sector_id, written[start : start + SLICE])
        for start in range(0, len(written), SLICE)
    ]


def _evolve(state: None, event: SeedKeywordsWritten) -> None:
    return None


SEED_KEYWORDS: Decider[None, WriteSeedKeywords] = Decider(
    category="seedkeywords",
    initial=None,
    evolve=_evolve,
    decide=decide,
    types=EventTypes((SeedKeywordsWritten,)),
)
