"""A small sample of what `./igny8 prove --only delivery` and `--only poison` do in full."""

import random

import pytest

from proving.delivery import deliver
from proving.outcome import Proved
from proving.poison import poison
from tests.support.database import PostgresServer


def failed(proved: Proved, *, but: str = "") -> list[str]:
    return [outcome.name for outcome in proved.outcomes if not outcome.holds and outcome.name != but]


@pytest.fixture
def seed() -> int:
    """Said where the test fails."""
    made = random.randrange(1_000_000)
    print(f"--seed {made}")
    return made


async def test_whatever_comes_in_whatever_order_and_again_has_one_outcome(
    postgres: PostgresServer, seed: int
) -> None:
    proved = await deliver(postgres, 400, seed)
    assert proved.findings == []
    assert failed(proved) == []


async def test_poison_is_parked_once_and_alone(postgres: PostgresServer, seed: int) -> None:
    proved = await poison(postgres, 800, seed, rate=10_000)
    assert proved.findings == []
    assert failed(proved, but="poison: neighbours' p99 with it / without") == []  # not on a busy machine
