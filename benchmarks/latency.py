"""From a commit in one service to its effect committed in another, one event at a time."""

import asyncio
import random
from time import monotonic

from common.database import Database
from common.ids import new_id
from common.messaging.consumer import Consumer
from common.messaging.inbox import Inbox
from common.messaging.relay import Relay
from common.messaging.topics import ensure_topics
from common.supervision import comes

from benchmarks.pairs import Figure, percentile
from benchmarks.parts import MODEL, Parts
from tests.support import toy
from tests.support.messaging import Broker

TIMES = 200


async def measure(parts: Parts, pairs: int) -> list[Figure]:
    with parts.embedded() as embedded:
        figures = await _on(parts, embedded, "embedded")
    return figures + await _on(parts, parts.kafka, "Kafka")


async def _on(parts: Parts, broker: Broker, name: str) -> list[Figure]:
    milliseconds = [1_000 * seconds for seconds in await _samples(parts, broker)]
    low, high = percentile(milliseconds, 0.05), percentile(milliseconds, 0.95)
    middle, end = percentile(milliseconds, 0.5), percentile(milliseconds, 0.99)
    return [
        Figure(f"commit → effect p50, {name}", middle, low, high, "ms", at_most=10),
        Figure(f"commit → effect p99, {name}", end, high, max(milliseconds), "ms", at_most=50),
    ]


async def _samples(parts: Parts, broker: Broker) -> list[float]:
    await ensure_topics(broker.bootstrap, embedded=broker.embedded)
    with parts.database() as speaking, parts.database("planner") as listening:
        speaker, listener = Database(speaking.service, MODEL), Database(listening.service, MODEL)
        for database in (speaker, listener):
            await database.open()
        relay = Relay(speaking.relay, MODEL, broker.bootstrap)
        speaker.committed.append(relay.wake)
        arrived = asyncio.Event()
        group = f"bench.{new_id()}"
        reactions = toy.listener()
        inbox = Inbox(group, group, listener, reactions, advanced=arrived.set)
        consumer = Consumer(
            broker.bootstrap, group, reactions.topics, embedded=broker.embedded, take=inbox.take, inbox=inbox
        )
        loops = [asyncio.create_task(relay.run()), asyncio.create_task(consumer.run(lambda: None))]
        try:
            return [await _once(speaker, arrived) for _ in range(TIMES + 10)][10:]
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            for database in (speaker, listener):
                await database.close()


async def _once(speaker: Database, arrived: asyncio.Event) -> float:
    # Not in step with anybody's poll.
    await asyncio.sleep(random.uniform(0, 0.02))
    while arrived.is_set():  # what was on the topic before, or a late one
        arrived.clear()
        await asyncio.sleep(0.02)
    await speaker.run(new_id(), lambda tx: toy.count(tx, new_id(), toy.Count(2)))
    began = monotonic()
    assert await comes(arrived, 30)
    return monotonic() - began
