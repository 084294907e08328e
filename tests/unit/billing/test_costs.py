from typing import get_args

import pytest
from billing.rates.default_card import DEFAULT_CARD
from common.ai.costs import UnknownImageModel, price
from common.contracts.operations import Charge, ChargeKind


def cost(kind: ChargeKind, units: int, model: str = "local") -> int:
    return price(DEFAULT_CARD, Charge(kind=kind, units=units, model=model))


@pytest.mark.parametrize(
    ("words", "millicredits"),
    [
        (0, 500),
        (1, 500),
        (250, 500),
        (251, 1_000),
        (500, 1_000),
        (501, 1_500),
        (1_000, 2_000),
        (1_001, 2_500),
        (1_200, 2_500),
    ],
)
def test_content_costs_a_credit_per_500_words_in_halves(words: int, millicredits: int) -> None:
    assert cost("content_words", words) == millicredits


@pytest.mark.parametrize(
    ("kind", "units", "millicredits"),
    [("clustering", 1, 10_000), ("ideas", 3, 6_000), ("image_prompt", 3, 1_500), ("image", 2, 2_000)],
)
def test_other_functions_cost_by_unit(kind: ChargeKind, units: int, millicredits: int) -> None:
    assert cost(kind, units) == millicredits


@pytest.mark.parametrize(
    ("model", "millicredits"),
    [("local", 1_000), ("runware", 1_000), ("openai-standard", 2_000), ("openai-high", 4_000)],
)
def test_an_image_costs_by_its_model(model: str, millicredits: int) -> None:
    assert cost("image", 1, model) == millicredits


def test_an_unknown_image_model_is_refused_by_name() -> None:
    with pytest.raises(UnknownImageModel, match=r"'crayon'.*local") as refused:
        cost("image", 1, "crayon")
    assert refused.value.details == {"model": "crayon"}


@pytest.mark.parametrize("kind", get_args(ChargeKind))
def test_negative_units_would_give_credits_away(kind: ChargeKind) -> None:
    with pytest.raises(ValueError, match="negative"):
        cost(kind, -1)


def test_an_unknown_kind_is_a_programming_error() -> None:
    with pytest.raises(AssertionError):
        cost("poem", 1)  # type: ignore[arg-type]
