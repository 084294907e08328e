"""What can happen to the prices, and what is then true."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from common.contracts.billing import RateCard
from common.eventsourcing.event import Event


class RateCardPublished(Event, frozen=True):
    card: RateCard


@dataclass(frozen=True)
class Rates:
    """All cards ever published, by version."""

    cards: Mapping[int, RateCard] = field(default_factory=dict)

    @property
    def newest(self) -> int:
        return max(self.cards, default=0)


def evolve(rates: Rates, event: RateCardPublished) -> Rates:
    return Rates({**rates.cards, event.card.version: event.card})
