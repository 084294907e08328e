"""How amounts are said: JSON numbers without binary remainders, since a float prints the shortest form that reads back."""

from decimal import Decimal
from typing import Annotated, Any

from common.ai.costs import credits
from common.contracts.operations import Millicredits
from pydantic import BeforeValidator, Field, WithJsonSchema

__all__ = ["CreditsIn", "PriceIn", "credits", "dollars", "millicredits"]

LARGEST = 1_000_000_000
"""Credits in one amount; in millicredits a thousand times a thousand of them still fit into a bigint."""


def _number(value: Any) -> Any:
    """A text would be taken for a number, and `true` for 1."""
    if isinstance(value, bool | str):
        raise ValueError("must be a JSON number")
    return value


def _amount(least: int) -> Any:
    schema = {
        "type": "number",
        "minimum": least,
        "maximum": LARGEST,
        "description": "Credits, with at most three decimals.",
    }
    return Annotated[
        Decimal,
        Field(ge=least, le=LARGEST, decimal_places=3),
        BeforeValidator(_number),
        WithJsonSchema(schema),
    ]


CreditsIn = _amount(-LARGEST)
PriceIn = _amount(0)


def millicredits(amount: Decimal) -> Millicredits:
    """Of an amount with at most three decimals."""
    return int(amount * 1000)


def dollars(micro_usd: int) -> float:
    """US dollars of millionths, with at most six decimals."""
    return micro_usd / 1_000_000
