"""A small sample of what `./igny8 prove --only delivery` and `--only poison` do in full."""

import random

from proving.delivery import deliver
from proving.outcome import Proved
from proving.poison import poison
from proving.proofs import replay
from tests.support.database import PostgresServer


def failed(proved: Proved, *, but: str = "") -> list[str]:
    return [outcome.name for outcome in proved.outcomes if not outcome.holds and outcome.name != but]


def drawn(name: str, size: int) -> int:
    """A seed; how to repeat it is said where the test fails."""
    seed = random.randrange(1_000_000)
    print(replay(name, size, seed))
    return seed


async def test_whatever_comes_in_whatever_order_and_again_has_one_outcome(postgres: PostgresServer) -> None:
    proved = await deliver(postgres, 400, drawn("delivery", 400))
    assert proved.findings == []
    assert failed(proved) == []


async def test_poison_is_parked_once_and_alone(postgres: PostgresServer) -> None:
    proved = await poison(postgres, 800, drawn("poison", 800), rate=10_000)
    assert proved.findings == []
    assert failed(proved, but="poison: neighbours' p99 with it / without") == []  # not on a busy machine
