"""How long another server asks us to wait."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from common.retry_after import retry_after_seconds


def asked(value: str, at: datetime | None = None) -> float | None:
    headers = {"Retry-After": value} | ({"Date": format_datetime(at, usegmt=True)} if at else {})
    return retry_after_seconds(httpx.Headers(headers))


def test_seconds() -> None:
    assert asked("7") == 7
    assert asked("0.4") == 0.4


@pytest.mark.parametrize("skew", [timedelta(0), timedelta(hours=-3), timedelta(hours=3)])
def test_a_date_counts_by_the_clock_of_who_says_it(skew: timedelta) -> None:
    theirs = datetime.now(UTC).replace(microsecond=0) + skew
    assert asked(format_datetime(theirs + timedelta(seconds=90), usegmt=True), theirs) == 90
    assert asked(format_datetime(theirs - timedelta(seconds=90), usegmt=True), theirs) == 0


def test_a_date_without_a_clock_beside_it_counts_by_ours() -> None:
    wait = asked(format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True))
    assert wait is not None
    assert 80 < wait <= 90


def test_nothing_that_can_be_read() -> None:
    assert asked("soon") is None
    assert retry_after_seconds({}) is None
