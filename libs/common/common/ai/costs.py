"""What an AI operation costs in credits: a rate card and a charge in, millicredits out (PRODUCT §4)."""

from typing import assert_never

from common.contracts.billing import RateCard
from common.contracts.operations import Charge, Millicredits
from common.eventsourcing.decider import DomainError


class UnknownImageModel(DomainError):
    """The rate card has no price for images of that model."""

    code = "UNKNOWN_IMAGE_MODEL"
    status = 400


def credits(amount: Millicredits) -> float | int:
    """Credits as they are shown: a JSON number with at most three decimals (a float prints its shortest form)."""
    return amount // 1000 if amount % 1000 == 0 else amount / 1000


def price(card: RateCard, charge: Charge) -> Millicredits:
    """The price of `charge` in millicredits.

    Content is charged per word: `content_per_unit` for `words_per_unit` words, rounded up to `content_step` and at least
    `content_minimum`. Raises `UnknownImageModel`, and ValueError for negative units.
    """
    if charge.units < 0:
        raise ValueError(f"a charge has no negative units: {charge.units}")
    match charge.kind:
        case "clustering":
            return card.clustering * charge.units
        case "ideas":
            return card.ideas_per_cluster * charge.units
        case "content_words":
            steps = -(-charge.units * card.content_per_unit // (card.words_per_unit * card.content_step))
            return max(card.content_minimum, steps * card.content_step)
        case "image_prompt":
            return card.image_prompt * charge.units
        case "image":
            if charge.model not in card.image_by_model:
                known = ", ".join(sorted(card.image_by_model))
                raise UnknownImageModel(
                    f"Rate card {card.version} has no price for images by {charge.model!r}; it prices: {known}.",
                    model=charge.model,
                )
            return card.image_by_model[charge.model] * charge.units
        case _:
            assert_never(charge.kind)
