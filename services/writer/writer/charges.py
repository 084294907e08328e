"""The most that an item of the writer's functions can cost."""

from math import ceil

from common.contracts.billing import RateCard
from common.contracts.operations import Charge
from common.settings import Settings

MARGIN = 1.25
"""An article may come out a quarter longer than wished; what is not used is released."""


def content_charge(word_count: int) -> Charge:
    return Charge(kind="content_words", units=ceil(MARGIN * word_count))


def prompts_charge(in_article: int) -> Charge:
    """The featured image's prompt and `in_article` further ones."""
    return Charge(kind="image_prompt", units=1 + in_article)


def image_charge(card: RateCard, model: str) -> Charge:
    """One image; for a model that the card does not price, the dearest price counts."""
    prices = card.image_by_model
    known = model if model in prices else max(prices, key=lambda name: prices[name])
    return Charge(kind="image", units=1, model=known)


def image_model(settings: Settings) -> str:
    """The model that makes images where no settings of the account or the platform say otherwise."""
    return settings.ai_image_model if settings.ai_base_url and settings.ai_image_model else "local"
