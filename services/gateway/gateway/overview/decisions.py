"""What may be decided about an event that was heard: it is seen once as it is; no I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.eventsourcing.decider import Decider
from common.eventsourcing.event import EventTypes

from gateway.overview.events import EntriesSeen, Seen, evolve


@dataclass(frozen=True)
class See:
    sight: EntriesSeen


def decide(command: See, seen: Seen) -> Sequence[EntriesSeen]:
    return [] if command.sight == seen.sight else [command.sight]


OVERVIEW: Decider[Seen, See] = Decider(
    category="overview",
    initial=Seen(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((EntriesSeen,)),
)
