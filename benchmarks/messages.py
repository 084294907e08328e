"""Public events on topics of the benchmarks' own: many tenants, and no two neighbours of the same one."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from common.eventsourcing.event import Event, Meta, Recorded
from common.ids import new_id
from common.messaging.envelope import headers_of
from common.messaging.relay import Message
from common.messaging.topics import PARTITIONS

from benchmarks.parts import MODEL
from tests.support import toy


def public_events(count: int, tenants: int) -> list[Message]:
    """As the relay sends them; every tenant has one stream."""
    now = datetime.now(UTC)
    return [_message(number, tenants, now) for number in range(count)]


def _message(number: int, tenants: int, at: datetime) -> Message:
    version, tenant = number // tenants + 1, UUID(int=(number % tenants + 1) << 64)
    event: Event = toy.Counted(2 * version)
    fact = Recorded(number, tenant, f"counter-{tenant}", version, new_id(), event, Meta(), at)
    contract = MODEL.publish(fact)
    assert contract is not None
    key, headers, value = headers_of(contract, MODEL.name, fact, None)
    return Message(number, key, headers, value, int(at.timestamp() * 1000))


async def say(kafka: str, messages: Sequence[Message], *, partitions: int = PARTITIONS) -> str:
    """Put messages on a new topic; returns its name."""
    topic = f"bench.{new_id()}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1)])
    finally:
        await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await produce(producer, topic, messages)
    finally:
        await producer.stop()
    return topic


async def produce(producer: AIOKafkaProducer, topic: str, messages: Sequence[Message]) -> None:
    """Send all and wait until each is acknowledged."""
    acknowledged = [
        await producer.send(topic, m.value, key=m.key, headers=m.headers, timestamp_ms=m.milliseconds)
        for m in messages
    ]
    await asyncio.gather(*acknowledged)
