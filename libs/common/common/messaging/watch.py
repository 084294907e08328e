"""Noticing Kafka clients that no longer work: their tasks can end and their connections fall silent, and nobody is told.

What to look at was read in aiokafka 0.14: a consumer lives by its coordinator's, fetcher's and metadata's tasks, a producer
by its sender's and metadata's. A client that is noticed is replaced by a new one, never repaired.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

T = TypeVar("T")

STILL_AFTER_LOOKS = 28
"""Looks without an answer, four a second: a fetch of an empty partition is answered after half a second at most, and with
the probe health is red within ten. Counted in looks, since a process that stood still has not looked."""
PROBE_SECONDS = 2.0
PARTING_SECONDS = 3.0
"""An orderly end leaves the group; without it the partitions are free after a session."""


class Wedged(ConnectionError):
    """A Kafka client does not work although Kafka does; a new one has to take its place."""


def consumer_tasks(consumer: AIOKafkaConsumer) -> Mapping[str, "asyncio.Task[None]"]:
    """The tasks that a started consumer lives by. Its heartbeat ends and begins anew where it joins its group again."""
    coordinator: Any = consumer._coordinator
    fetcher: Any = consumer._fetcher
    joining = getattr(coordinator, "_rejoin_needed_fut", None)
    tasks = {
        "coordinator": getattr(coordinator, "_coordination_task", None),  # none without a group
        "heartbeat": None if joining is None or joining.done() else coordinator._heartbeat_task,
        "fetcher": getattr(fetcher, "_fetch_task", None),  # none before it was started
        "metadata": consumer._client._sync_task,
    }
    return {name: task for name, task in tasks.items() if task is not None}


def producer_tasks(producer: AIOKafkaProducer) -> Mapping[str, "asyncio.Task[None]"]:
    """The tasks that a started producer lives by."""
    tasks = {"sender": producer._sender.sender_task, "metadata": producer.client._sync_task}
    return {name: task for name, task in tasks.items() if task is not None}


class Fetches:
    """For how many looks each partition of a consumer has been without an answer."""

    def __init__(self) -> None:
        self._looks: dict[TopicPartition, tuple[int | None, int]] = {}

    def still(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        """Look; returns the assigned partitions that stand still, while nothing of theirs waits to be handed over."""
        looks: dict[TopicPartition, tuple[int | None, int]] = {}
        fetcher: Any = consumer._fetcher
        for partition in consumer.assignment():
            stamp = consumer.last_poll_timestamp(partition)
            before, count = self._looks.get(partition, (None, 0))
            answered = stamp != before or partition in fetcher._records
            looks[partition] = (stamp, 0 if answered else count + 1)
        self._looks = looks
        return [partition for partition, (_, count) in looks.items() if count > STILL_AFTER_LOOKS]


async def kafka_answers(kafka: str, partitions: Iterable[TopicPartition]) -> bool:
    """Whether a new client gets an answer, from the leaders of these partitions too."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, request_timeout_ms=int(PROBE_SECONDS * 1000))
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await consumer.start()
            await consumer.end_offsets(list(partitions))
        return True
    except (KafkaError, OSError):
        return False
    finally:
        await part_with_consumer(consumer)


async def part_with_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, in order or without it: a task of it that stays would hold its partitions and take nothing."""
    tasks = consumer_tasks(consumer).values()
    await _part(consumer.stop(), tasks, consumer._client)


async def part_with_producer(producer: AIOKafkaProducer) -> None:
    """Stop a producer, in order or without it. What it has not sent yet stays with whoever sent it."""
    tasks = producer_tasks(producer).values()
    await _part(producer.stop(), tasks, producer.client)


async def _part(stop: Awaitable[None], tasks: "Iterable[asyncio.Task[None]]", client: AIOKafkaClient) -> None:
    stopping = asyncio.ensure_future(stop)
    left = {stopping, *tasks}
    try:
        await asyncio.wait({stopping}, timeout=PARTING_SECONDS)
    finally:
        for task in left:
            task.cancel()
        closing = asyncio.ensure_future(client.close())
    done, _ = await asyncio.wait({*left, closing}, timeout=PARTING_SECONDS)
    for task in done:
        if not task.cancelled():
            task.exception()  # it was to end, however


class KeptProducer:
    """A producer that is made when it is needed and replaced when it is broken."""

    def __init__(self, kafka: str, client_id: str, **options: object) -> None:
        self._kafka = kafka
        self._client_id = client_id
        self._options = options
        self._producer: AIOKafkaProducer | None = None
        self._turn = asyncio.Lock()

    async def get(self) -> AIOKafkaProducer:
        """A producer whose tasks run; raises KafkaError where Kafka does not answer."""
        async with self._turn:
            if self._producer is not None and any(t.done() for t in producer_tasks(self._producer).values()):
                await self._part()
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._kafka, client_id=self._client_id, **self._options
                )
                try:
                    await producer.start()
                except BaseException:
                    await asyncio.shield(part_with_producer(producer))
                    raise
                self._producer = producer
            return self._producer

    async def sent(self, acknowledgement: Awaitable[T]) -> T:
        """What Kafka says to something sent. Raises `Wedged` at once where the producer breaks meanwhile."""
        producer = self._producer
        waiting = asyncio.ensure_future(acknowledgement)
        parts = producer_tasks(producer) if producer is not None else {}
        try:
            await asyncio.wait({waiting, *parts.values()}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                ended = next(name for name, task in parts.items() if task.done())
                raise Wedged(f"the producer's {ended} ended")
            return waiting.result()
        finally:
            waiting.cancel()

    async def drop(self) -> None:
        """The next one who needs a producer gets a new one."""
        async with self._turn:
            await self._part()

    async def _part(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await part_with_producer(producer)
