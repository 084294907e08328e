"""What an erased account had said is on Kafka as long as a topic remembers, and no longer (docs/decisions/0009)."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from common.contracts.base import events_topic
from common.ids import new_id
from common.messaging import topics

from tests.parts.ports import eventually
from tests.support import toy
from tests.support.canaries import said
from tests.support.database import ServiceUrls
from tests.support.messaging import Side, real_broker, two_sides

CANARY, LATER = "zqforgotten", "zqneighbour"
TOPIC = (events_topic("publisher"),)


@pytest.mark.kafka
async def test_a_topic_forgets_what_is_old_also_while_its_neighbours_talk(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days become seconds. The neighbour is on the same partition, in the same file."""
    monkeypatch.setattr(topics, "RETENTION_MS", 2_000)
    monkeypatch.setattr(topics, "SEGMENT_MS", 500)
    account, counter = new_id(), new_id()

    async def say(speaker: Side, padding: str) -> None:
        await speaker.database.run(account, lambda tx: toy.count(tx, counter, toy.Count(2, padding)))

    with (
        real_broker(retention_ms=3_600_000) as broker,
        service_database("publisher") as speaking,
        service_database("planner") as listening,
    ):
        async with two_sides(speaking, listening, broker) as (speaker, _):
            speaker.start("relay")
            await say(speaker, CANARY)

            async def holds(word: str) -> bool:
                return word.encode() in await said(broker.bootstrap, TOPIC)

            await eventually(lambda: holds(CANARY), what="it is on Kafka")

            async def forgotten() -> bool:
                await say(speaker, LATER)
                return not await holds(CANARY)

            await eventually(forgotten, what="Kafka has forgotten it")
            await say(speaker, LATER)
            await eventually(lambda: holds(LATER), what="the neighbour is heard")
            assert not await holds(CANARY)
