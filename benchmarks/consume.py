"""The inbox with a small effect, against a bare aiokafka loop that does the same effect once a batch."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from time import monotonic

import psycopg
import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer
from common.contracts import Contract
from common.contracts.publisher import SiteConnected
from common.database import Database, Transaction
from common.ids import new_id
from common.messaging.consumer import MAX_RECORDS, Consumer
from common.messaging.envelope import Heard, parse
from common.messaging.inbox import Inbox, Message
from common.messaging.reactions import Reactions
from common.supervision import comes

from benchmarks.messages import public_events, say
from benchmarks.pairs import Figure, on_the_services_loop, ratio
from benchmarks.parts import MODEL, Parts
from tests.support import toy

EVENTS = 6_000
EFFECT = sa.insert(toy.heard).inline()  # without asking for the row's number, as the control

Took = Callable[[float, int], None]
"""Hears of each batch when it was begun and how many messages it had."""
Listen = Callable[[Took], Awaitable[None]]
"""Consumes a topic from its beginning until cancelled."""


@on_the_services_loop
async def few_tenants(parts: Parts, pairs: int) -> list[Figure]:
    return await _of(parts, pairs, 20, at_least=0.7)


@on_the_services_loop
async def many_tenants(parts: Parts, pairs: int) -> list[Figure]:
    return await _of(parts, pairs, 1_000, at_least=0.5)


async def _of(parts: Parts, pairs: int, tenants: int, *, at_least: float) -> list[Figure]:
    kafka = parts.kafka.bootstrap
    topic = await say(kafka, public_events(EVENTS, tenants))
    with parts.database("planner") as urls:
        database = Database(urls.service, MODEL)
        await database.open()

        async def ours() -> float:
            group = f"bench.{new_id()}"
            return await rate(lambda took: by_inbox(kafka, topic, group, database, took), EVENTS)

        async def bare() -> float:
            group = f"bench.{new_id()}"
            return await rate(lambda took: barely(kafka, topic, group, urls.service, took), EVENTS)

        try:
            return [await ratio(f"consumer, {tenants:,} tenants", ours, bare, pairs, at_least=at_least)]
        finally:
            await database.close()


async def rate(listen: Listen, events: int) -> float:
    """Events a second, from the first batch to the last one that is done."""
    over = asyncio.Event()
    beginning, done = 0.0, 0

    def took(began: float, count: int) -> None:
        nonlocal beginning, done
        beginning, done = beginning or began, done + count
        if done >= events:
            over.set()

    running = asyncio.ensure_future(listen(took))
    assert await comes(over, 60)
    seconds = monotonic() - beginning
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return done / seconds


def effect() -> Reactions:
    """A row for each event."""
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

    return reactions


async def by_inbox(kafka: str, topic: str, group: str, database: Database, took: Took) -> None:
    """As a service listens."""
    inbox = Inbox(group, group, database, effect())

    async def take(messages: Sequence[Message]) -> None:
        began = monotonic()
        await inbox.take(messages)
        took(began, len(messages))

    await Consumer(kafka, group, [topic], embedded=False, take=take, inbox=inbox).run(lambda error="": None)


async def barely(kafka: str, topic: str, group: str, url: str, took: Took) -> None:
    """Only the effect: nothing is kept that would notice a repetition."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=kafka,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=True,
    )
    await consumer.start()
    try:
        async with await psycopg.AsyncConnection.connect(url, prepare_threshold=0) as connection:
            while True:
                batches = await consumer.getmany(timeout_ms=200, max_records=MAX_RECORDS)
                records = [record for batch in batches.values() for record in batch]
                if records:
                    began = monotonic()
                    await _effects(connection, [parse(record.headers, record.value) for record in records])
                    took(began, len(records))
    finally:
        await consumer.stop()


async def _effects(connection: psycopg.AsyncConnection[tuple[object]], events: list[Heard[Contract]]) -> None:
    events.sort(key=lambda event: event.account_id.bytes)
    async with connection.transaction(), connection.pipeline():
        for account, group in groupby(events, key=lambda event: event.account_id):
            await connection.execute("SELECT set_config('app.account_id', %s, true)", (str(account),))
            for event in group:
                await connection.execute(
                    "INSERT INTO toy_heard (account_id, event_id, subject, version) VALUES (%s, %s, %s, %s)",
                    (account, event.event_id, event.subject, event.version),
                )
