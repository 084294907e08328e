"""Filling a replica again on a broker: it ends with what it had, and says when it is there or why it is not."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

import psycopg
import pytest
from common.database import Transaction
from common.ids import new_id
from common.operate import OperatorError
from common.operate.replicas import ask, until_filled
from common.service import Service

from tests.integration.kit.test_replicas_again import empty, keeping, kept
from tests.parts.ports import eventually
from tests.support import toy
from tests.support.database import ServiceUrls
from tests.support.messaging import Broker, embedded_broker, two_sides

PLANNER = Service("planner", toy.MODEL, keeping(), ())
"""The toy as a listener; its model's tables are of no weight here."""


@pytest.fixture
def broker() -> Iterator[Broker]:
    with embedded_broker() as running:
        yield running


async def count(tx: Transaction) -> None:
    await toy.count(tx, new_id(), toy.Count(6))


async def test_a_replica_is_filled_by_its_source_and_nothing_else_follows(
    broker: Broker,
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("common.messaging.catch_up.LINGER_SECONDS", 1.0)
    monkeypatch.setattr("common.messaging.catch_up.SLICE_ROWS", 10)
    with (
        service_database("publisher") as speaking,
        service_database("planner") as listening,
        ExitStack() as stack,
    ):
        owner = {
            name: stack.enter_context(psycopg.connect(urls.owner, autocommit=True))
            for name, urls in (("publisher", speaking), ("planner", listening))
        }
        async with two_sides(speaking, listening, broker, keeping()) as (speaker, listener):
            speaker.start("relay", "control", "source")
            listener.start("consumer", "asks")
            for _ in range(8):
                await speaker.database.run(new_id(), count)
            await eventually(lambda: sorted(listener.heard()) == speaker.said(), what="all is heard")
            before, heard = kept(listening), listener.heard()
            assert len(before) == 8
            empty(listening)
            asked = {"planner": ask(owner["planner"], PLANNER)}
            assert asked == {"planner": ("publisher",)}
            shown: list[tuple[str, int, int]] = []
            await asyncio.to_thread(until_filled, asked, owner, lambda *at: shown.append(at))
            assert kept(listening) == before
            assert listener.heard() == heard
            assert shown[-1][0] == "planner"
            assert shown[-1][1] >= shown[-1][2] > 0

            await speaker.stop("control")
            ask(owner["planner"], PLANNER)
            with pytest.raises(OperatorError, match="planner from publisher"):
                await asyncio.to_thread(until_filled, asked, owner, stuck_after=1.5)
