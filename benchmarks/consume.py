"""The inbox with a small effect, against a bare aiokafka loop that does the same effect once a batch."""

import asyncio
from collections.abc import Sequence
from itertools import groupby
from time import monotonic

import psycopg
import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer
from common.contracts.base import events_topic
from common.contracts.publisher import SiteConnected
from common.database import Database, Transaction
from common.ids import new_id
from common.messaging.consumer import MAX_RECORDS, Consumer
from common.messaging.envelope import Heard, parse
from common.messaging.inbox import Inbox, Message
from common.messaging.reactions import Reactions
from common.messaging.relay import Relay
from common.messaging.topics import ensure_topics
from common.supervision import comes

from benchmarks.pairs import Figure, ratio
from benchmarks.parts import MODEL, Parts, fill
from tests.support import toy
from tests.support.database import ServiceUrls

EVENTS = 6_000
TOPIC = events_topic(MODEL.name)
EFFECT = sa.insert(toy.heard)


async def measure(parts: Parts, pairs: int) -> list[Figure]:
    kafka = parts.kafka.bootstrap
    await ensure_topics(kafka, embedded=False)
    with parts.database() as speaker, parts.database("planner") as listener:
        marker = await _say(speaker, kafka)
        database = Database(listener.service, MODEL)
        await database.open()
        try:
            return [
                await ratio(
                    "consumer, 20 tenants",
                    lambda: _ours(kafka, database, marker),
                    lambda: _bare(kafka, listener, marker),
                    pairs,
                    at_least=0.7,
                )
            ]
        finally:
            await database.close()


async def _say(urls: ServiceUrls, kafka: str) -> int:
    """Put the events on the topic; returns the Kafka time from which they are counted (others may be there before)."""
    fill(urls, EVENTS)
    with psycopg.connect(urls.owner) as connection:
        connection.execute("INSERT INTO outbox SELECT position FROM events")
    relay = Relay(urls.relay, MODEL, kafka)
    async with await psycopg.AsyncConnection.connect(urls.relay, autocommit=True) as connection:
        facts = await relay._read(connection, EVENTS)
        while await relay.drain_once(connection):
            pass
    await relay._drop_producer()
    return int(facts[0].recorded_at.timestamp() * 1000)


class _Clock:
    """From the first event of this benchmark that comes to the last one that is done."""

    def __init__(self) -> None:
        self.done = 0
        self.over = asyncio.Event()
        self._began = 0.0
        self.rate = 0.0

    def begin(self) -> None:
        self._began = self._began or monotonic()

    def add(self, count: int) -> None:
        self.done += count
        if self.done >= EVENTS:
            self.rate = self.done / (monotonic() - self._began)
            self.over.set()


async def _ours(kafka: str, database: Database, since: int) -> float:
    reactions = Reactions()

    @reactions.on(SiteConnected)
    async def hear(event: Heard[SiteConnected], tx: Transaction) -> None:
        await tx.execute(
            EFFECT,
            {
                "account_id": event.account_id,
                "event_id": event.event_id,
                "subject": event.subject,
                "version": event.version,
            },
        )

    group = f"bench.{new_id()}"
    inbox = Inbox(group, group, database, reactions)
    clock = _Clock()

    async def take(messages: Sequence[Message]) -> None:
        clock.begin()
        await inbox.take(messages)
        clock.add(len(messages))

    consumer = Consumer(kafka, group, [TOPIC], embedded=False, take=take, inbox=inbox)
    running = asyncio.create_task(consumer.run(lambda: None))
    assert await comes(clock.over, 60)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return clock.rate


async def _bare(kafka: str, urls: ServiceUrls, since: int) -> float:
    clock = _Clock()
    consumer = AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=kafka,
        group_id=f"bench.{new_id()}",
        auto_offset_reset="earliest",
        enable_auto_commit=True,
    )
    await consumer.start()
    async with await psycopg.AsyncConnection.connect(urls.service, prepare_threshold=0) as connection:
        while not clock.over.is_set():
            batches = await consumer.getmany(timeout_ms=200, max_records=MAX_RECORDS)
            records = [record for batch in batches.values() for record in batch]
            if not records:
                continue
            clock.begin()
            events = sorted(
                (parse(record.headers, record.value) for record in records), key=lambda e: e.account_id.bytes
            )
            async with connection.transaction(), connection.pipeline():
                for account, group in groupby(events, key=lambda event: event.account_id):
                    await connection.execute("SELECT set_config('app.account_id', %s, true)", (str(account),))
                    for event in group:
                        await connection.execute(
                            "INSERT INTO toy_heard (account_id, event_id, subject, version) VALUES (%s, %s, %s, %s)",
                            (account, event.event_id, event.subject, event.version),
                        )
            clock.add(len(events))
    await consumer.stop()
    return clock.rate
