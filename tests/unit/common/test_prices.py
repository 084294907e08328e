"""Prices before billing has said any."""

from typing import Any, cast

import pytest
from common.api.errors import ApiError
from common.replicas.prices import current_card


class Empty:
    """A database without a row."""

    async def first(self, _query: Any) -> None:
        return None


async def test_that_have_not_arrived_are_worth_another_try() -> None:
    with pytest.raises(ApiError) as raised:
        await current_card(cast("Any", Empty()))
    assert (raised.value.status, raised.value.code) == (503, "PRICES_UNKNOWN")
    assert raised.value.headers == {"Retry-After": "1"}
