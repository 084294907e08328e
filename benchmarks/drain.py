"""The relay emptying a full outbox, against a bare producer (acks=all) that has the same messages ready."""

import asyncio
from time import monotonic
from typing import Any

import psycopg
from aiokafka import AIOKafkaProducer
from common.contracts.base import events_topic
from common.messaging.relay import Message, Relay
from common.messaging.topics import ensure_topics

from benchmarks.pairs import Figure, ratio
from benchmarks.parts import MODEL, Parts, fill
from tests.support.database import ServiceUrls

ROWS = 20_000


async def measure(parts: Parts, pairs: int) -> list[Figure]:
    await ensure_topics(parts.kafka.bootstrap, embedded=False)
    with parts.database() as urls:
        fill(urls, ROWS)
        relay = Relay(urls.relay, MODEL, parts.kafka.bootstrap)
        async with await psycopg.AsyncConnection.connect(urls.relay, autocommit=True) as connection:
            _fill_outbox(urls)
            messages = [relay._message(fact) for fact in await relay._read(connection, ROWS)]
            producer = AIOKafkaProducer(
                bootstrap_servers=parts.kafka.bootstrap, enable_idempotence=True, acks="all"
            )
            await producer.start()
            try:
                return [
                    await ratio(
                        "relay drain, 20,000 rows",
                        lambda: _drain(relay, connection, urls),
                        lambda: _produce(producer, [message for message in messages if message]),
                        pairs,
                        at_least=0.8,
                    )
                ]
            finally:
                await producer.stop()
                await relay._drop_producer()


def _fill_outbox(urls: ServiceUrls) -> None:
    with psycopg.connect(urls.owner, autocommit=True) as connection:
        connection.execute("INSERT INTO outbox SELECT position FROM events ON CONFLICT DO NOTHING")
        connection.execute("ANALYZE outbox")


async def _drain(relay: Relay, connection: psycopg.AsyncConnection[Any], urls: ServiceUrls) -> float:
    _fill_outbox(urls)
    sent, began = 0, monotonic()
    while taken := await relay.drain_once(connection):
        sent += taken
    assert sent == ROWS
    return sent / (monotonic() - began)


async def _produce(producer: AIOKafkaProducer, messages: list[Message]) -> float:
    topic = events_topic(MODEL.name)
    began = monotonic()
    acknowledged = [
        await producer.send(topic, m.value, key=m.key, headers=m.headers, timestamp_ms=m.milliseconds)
        for m in messages
    ]
    await asyncio.gather(*acknowledged)
    return len(messages) / (monotonic() - began)
