"""A small sample of what `./igny8 prove --only celery` does to the kit's own chains of steps."""

import pytest

from proving.control import Plan, fight, ours
from tests.support.database import PostgresServer


@pytest.mark.kafka
async def test_a_killed_worker_loses_and_repeats_no_step(postgres: PostgresServer) -> None:
    plan = Plan(seed=1, kills=1, chains=20, steps=4, settled_seconds=0.5)
    plan.faults = [(0.3, "worker")]
    ended = await fight(postgres, ours, plan)
    assert (ended.missing, ended.doubled, ended.broken) == (0, 0, 0)
