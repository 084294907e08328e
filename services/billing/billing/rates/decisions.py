"""What may be decided about prices."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.contracts.billing import RateCard
from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes
from msgspec.structs import replace

from billing.rates.events import RateCardPublished, Rates, evolve


class PublishedCardChanged(DomainError):
    """A published card is never edited: operations were reserved with it."""

    code = "RATE_CARD_PUBLISHED"


class CardOutdated(DomainError):
    """A new card must be newer than all published ones."""

    code = "RATE_CARD_OUTDATED"


@dataclass(frozen=True)
class PublishRateCard:
    card: RateCard


@dataclass(frozen=True)
class PublishNext:
    """These prices, as the version after the newest; that of `card` does not count."""

    card: RateCard


RatesCommand = PublishRateCard | PublishNext


def decide(command: RatesCommand, rates: Rates) -> Sequence[RateCardPublished]:
    card = command.card
    if isinstance(command, PublishNext):
        current = rates.cards.get(rates.newest)
        if current is not None and replace(card, version=rates.newest) == current:
            return []
        return [RateCardPublished(replace(card, version=rates.newest + 1))]
    published = rates.cards.get(card.version)
    if published == card:
        return []
    if published is not None:
        raise PublishedCardChanged(
            f"Rate card {card.version} is published with other prices. Publish {rates.newest + 1} instead.",
            version=card.version,
        )
    if card.version < rates.newest:
        raise CardOutdated(
            f"Rate card {rates.newest} is already published; {card.version} is older.", newest=rates.newest
        )
    return [RateCardPublished(card)]


RATES: Decider[Rates, RatesCommand] = Decider(
    category="ratecard",
    initial=Rates(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((RateCardPublished,)),
)
