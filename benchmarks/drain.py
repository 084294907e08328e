"""The relay emptying a full outbox, against a bare producer (acks=all) that has the same messages ready."""

from time import monotonic
from typing import Any

import psycopg
from aiokafka import AIOKafkaProducer
from common.contracts.base import events_topic
from common.messaging.relay import BATCH_ROWS, Message, Relay
from common.messaging.topics import ensure_topics

from benchmarks.messages import produce
from benchmarks.pairs import Figure, on_the_services_loop, ratio
from benchmarks.parts import MODEL, Parts, fill

ROWS = 100_000
"""Drained once, in as many stretches as there are pairs: between two of them the control sends as many."""


@on_the_services_loop
async def measure(parts: Parts, pairs: int) -> list[Figure]:
    kafka = parts.kafka.bootstrap
    await ensure_topics(kafka, embedded=False)
    stretch = ROWS // BATCH_ROWS // (pairs + 1) * BATCH_ROWS
    with parts.database() as urls:
        fill(urls, ROWS)
        with psycopg.connect(urls.owner, autocommit=True) as owner:
            owner.execute("INSERT INTO outbox SELECT position FROM events")
            owner.execute("ANALYZE outbox, events")
        relay = Relay(urls.relay, MODEL, kafka)
        producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, acks="all")
        await producer.start()
        async with await relay.connect() as connection:
            facts = await relay._read(connection, stretch)
            messages = [message for fact in facts if (message := relay._message(fact))]
            try:
                return [
                    await ratio(
                        f"relay drain, {ROWS:,} rows",
                        lambda: _drain(relay, connection, stretch),
                        lambda: _produce(producer, messages),
                        pairs,
                        at_least=0.8,
                    )
                ]
            finally:
                await producer.stop()
                await relay._producer.drop()


async def _drain(relay: Relay, connection: psycopg.AsyncConnection[Any], rows: int) -> float:
    sent, began = 0, monotonic()
    while sent < rows:
        taken = await relay.drain_once(connection)
        assert taken
        sent += taken
    return sent / (monotonic() - began)


async def _produce(producer: AIOKafkaProducer, messages: list[Message]) -> float:
    began = monotonic()
    await produce(producer, events_topic(MODEL.name), messages)
    return len(messages) / (monotonic() - began)
