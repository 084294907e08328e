"""The time that decides is the database's, however wrong the machine's clock is."""

import time
from typing import Any, cast

import pytest
from common.clock import MOST_SKEW_SECONDS, DatabaseClock
from common.database import Sql
from common.service import _clock_check


class Answers:
    """A database whose clock stands at `now`."""

    def __init__(self, now: float) -> None:
        self.now = now

    async def scalar(self, statement: str) -> Any:
        assert "clock_timestamp()" in statement
        return self.now


async def read(clock: DatabaseClock, now: float) -> None:
    await clock.read(cast(Sql, Answers(now)))


@pytest.mark.parametrize("ahead", [0.0, 3_600.0, -3_600.0])
async def test_it_goes_on_from_the_databases_time(ahead: float) -> None:
    clock = DatabaseClock(lambda: 5_000_000.0 + ahead)
    assert clock() == 5_000_000.0 + ahead, "it has nothing else yet"
    await read(clock, 5_000_000.0)
    assert clock() == pytest.approx(5_000_000.0, abs=1)
    assert clock.now().timestamp() == pytest.approx(5_000_000.0, abs=1)
    assert clock.skew == pytest.approx(ahead, abs=1)


async def test_setting_the_machines_clock_changes_nothing() -> None:
    own = time.time()
    clock = DatabaseClock(lambda: own)
    await read(clock, own)
    own += 86_400
    assert clock() == pytest.approx(own - 86_400, abs=1)


@pytest.mark.parametrize(
    ("skew", "ok", "side"),
    [(MOST_SKEW_SECONDS - 1, True, "ahead of"), (-3_600.0, False, "behind"), (31.0, False, "ahead of")],
)
def test_health_names_a_clock_that_is_too_far_off(skew: float, ok: bool, side: str) -> None:
    check = _clock_check(skew)
    assert check["ok"] is ok
    assert f"{abs(skew):.1f} s {side} the database's clock" in check["detail"]
