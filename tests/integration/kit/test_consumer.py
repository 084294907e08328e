"""The subscriber on a real broker: what could not be taken comes again, and the database says how far it is."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from common.ids import new_id
from common.messaging.catch_up import committed_offsets
from common.messaging.consumer import EMBEDDED_IDLE_WAIT_MS, EMBEDDED_WAIT_MS, Consumer
from common.messaging.inbox import Inbox, Message
from common.messaging.offsets import Progress
from common.messaging.topics import partitions_of
from common.supervision import Loop

from tests.parts.ports import eventually
from tests.support.messaging import Broker, embedded_broker

SAID = [b"one", b"two", b"three"]


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with embedded_broker() as broker:
        yield broker


async def say(broker: Broker, topic: str) -> int:
    """`SAID` on one partition of a topic that nobody else uses; returns the partition."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
    await producer.start()
    try:
        placed = [await producer.send_and_wait(topic, value, key=b"account") for value in SAID]
    finally:
        await producer.stop()
    return int(placed[0].partition)


@asynccontextmanager
async def running(consumer: Consumer) -> AsyncIterator[Loop]:
    loop = Loop("consumer", lambda loop: consumer.run(loop.beat))
    loop.start()
    try:
        yield loop
    finally:
        await loop.stop()


async def test_a_batch_that_was_not_taken_comes_again(broker: Broker) -> None:
    refused: list[bytes | None] = []
    taken: list[bytes | None] = []

    async def take(batch: Sequence[Message]) -> None:
        values = [message.value for message in batch]
        if len(refused) < 2:
            refused.extend(values[:1])
            raise ConnectionError("the database is away")
        taken.extend(values)

    topic = "igny8.publisher.events"
    await say(broker, topic)
    async with running(Consumer(broker.bootstrap, "again", [topic], embedded=True, take=take)) as loop:
        await eventually(lambda: len(taken) >= len(SAID), what="all was taken")
        assert taken == SAID
        assert refused == SAID[:1] * 2
        await eventually(lambda: loop.healthy, what="it is well again")


class Known:
    """An inbox that has taken in less than Kafka was told."""

    def __init__(
        self, known: Mapping[tuple[str, int], int], times: Mapping[tuple[str, int], datetime] | None = None
    ) -> None:
        self._known = known
        self._times: Mapping[tuple[str, int], datetime] = {} if times is None else times
        self.skipped: list[Mapping[tuple[str, int], int]] = []
        self.rewound: list[Progress] = []
        self.settled = 0
        self.away = False

    async def progress(self) -> Mapping[tuple[str, int], Progress]:
        return {key: Progress(offset, self._times.get(key)) for key, offset in self._known.items()}

    async def settle(self) -> None:
        if self.away:
            raise ConnectionError("the database is away")
        self.settled += 1

    async def skip(self, jumped: Mapping[tuple[str, int], int]) -> None:
        self.skipped.append(jumped)

    async def rewind(self, topic: str, partition: int, to: Progress) -> None:
        self.rewound.append(to)


async def test_it_goes_on_where_the_database_says_whatever_kafka_was_told(broker: Broker) -> None:
    topic, group = "igny8.writer.events", "told"
    partition = await say(broker, topic)
    taken: list[bytes | None] = []

    async def take(batch: Sequence[Message]) -> None:
        taken.extend(message.value for message in batch)

    async with running(Consumer(broker.bootstrap, group, [topic], embedded=True, take=take)):
        await eventually(lambda: taken == SAID, what="all was taken")
    told = await committed_offsets(broker.bootstrap, group, [TopicPartition(topic, partition)])
    assert list(told.values()) == [3]
    taken.clear()
    known = Known({(topic, partition): 1})
    inbox = cast(Inbox, known)
    async with running(Consumer(broker.bootstrap, group, [topic], embedded=True, take=take, inbox=inbox)):
        await eventually(lambda: len(taken) >= 2 or known.skipped, what="it goes on")
    assert (taken, known.skipped) == (SAID[1:], [])


def at(minute: float) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)


@pytest.mark.parametrize(
    ("said", "known", "rewound", "taken"),
    [
        (3, Progress(2, at(2)), [], SAID[2:]),
        (3, Progress(3, at(3)), [], []),
        (3, Progress(2, None), [], SAID[2:]),
        (3, Progress(9, at(2)), [Progress(2, at(2))], SAID[2:]),
        (3, Progress(9, None), [Progress(0, None)], SAID),
        (3, Progress(9, at(0)), [Progress(0, at(0))], SAID),
        (3, Progress(2, at(1.5)), [Progress(1, at(1))], SAID[1:]),
        (0, Progress(9, at(9)), [Progress(0, at(9))], []),
    ],
    ids=[
        "whole",
        "whole, all was taken",
        "whole, no time was known",
        "shorter",
        "shorter, no time was known",
        "shorter and new",
        "longer again",
        "empty",
    ],
)
async def test_it_notices_where_a_log_was_cut(
    broker: Broker, said: int, known: Progress, rewound: list[Progress], taken: list[bytes]
) -> None:
    topic, came = f"cut.{new_id()}", list[bytes | None]()
    ((partition, *_), *_) = [await partitions_of(broker.bootstrap, [topic])]
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
    await producer.start()
    try:
        for minute, value in enumerate(SAID[:said], 1):
            headers = [("ce_time", at(minute).isoformat().encode())]
            await producer.send_and_wait(topic, value, partition=partition.partition, headers=headers)

        async def take(batch: Sequence[Message]) -> None:
            came.extend(message.value for message in batch)

        place = (topic, partition.partition)
        times = {} if known.last_time is None else {place: known.last_time}
        inbox = Known({place: known.next_offset}, times)
        consumer = Consumer(
            broker.bootstrap, topic, [topic], embedded=True, take=take, inbox=cast(Inbox, inbox)
        )
        async with running(consumer):
            await eventually(
                lambda: (inbox.rewound, came) == (rewound, taken), what="it goes on where it should"
            )
            await producer.send_and_wait(topic, b"next", partition=partition.partition)
            await eventually(lambda: came[-1:] == [b"next"], what="the next one is taken")
        assert (inbox.rewound, inbox.skipped, came) == (rewound, [], [*taken, b"next"])
    finally:
        await producer.stop()


async def test_what_was_passed_is_settled_again_and_again_and_it_is_not_well_where_that_fails(
    broker: Broker,
) -> None:
    async def take(batch: Sequence[Message]) -> None:
        """All of it is passed."""

    known = Known({})
    inbox = cast(Inbox, known)
    consumer = Consumer(
        broker.bootstrap, "settles", ["igny8.writer.events"], embedded=True, take=take, inbox=inbox
    )
    async with running(consumer) as loop:
        await eventually(lambda: known.settled > 1 and loop.healthy, what="it is settled")
        known.away = True
        await eventually(lambda: "away" in loop.error, what="it says what keeps it")
        known.away, settled = False, known.settled
        await eventually(lambda: known.settled > settled and loop.healthy, what="it is settled again")


async def test_on_the_embedded_broker_nobody_waits_for_a_killed_predecessor(broker: Broker) -> None:
    """Whose membership in the group would last for some seconds: so there is none, and each hears everything."""
    topic = "igny8.billing.events"
    first: list[bytes | None] = []
    second: list[bytes | None] = []

    def consumer(taken: list[bytes | None]) -> Consumer:
        async def take(batch: Sequence[Message]) -> None:
            taken.extend(message.value for message in batch)

        return Consumer(broker.bootstrap, "alone", [topic], embedded=True, take=take)

    async with running(consumer(first)) as loop:
        await eventually(lambda: loop.healthy, what="the first listens")
        async with running(consumer(second)) as other:
            await eventually(lambda: other.healthy, what="the second listens")
            await say(broker, topic)
            await eventually(lambda: (first, second) == (SAID, SAID), what="each heard everything")


async def test_on_the_embedded_broker_it_asks_seldom_until_something_comes(broker: Broker) -> None:
    """That broker answers an empty fetch after the whole wait, whatever comes meanwhile."""
    topic, taken = "igny8.gateway.events", list[bytes | None]()

    async def take(batch: Sequence[Message]) -> None:
        taken.extend(message.value for message in batch)

    consumer = Consumer(broker.bootstrap, "idle", [topic], embedded=True, take=take)

    def wait() -> int:
        fetcher: Any = consumer._client and consumer._client._fetcher
        return int(fetcher._fetch_max_wait_ms)

    async with running(consumer) as loop:
        await eventually(lambda: loop.healthy, what="it listens")
        await eventually(lambda: wait() == EMBEDDED_IDLE_WAIT_MS, what="it has found that nothing comes")
        await say(broker, topic)
        await eventually(lambda: wait() == EMBEDDED_WAIT_MS, what="it has noticed that something came")
        await eventually(lambda: taken == SAID, what="all was taken")
