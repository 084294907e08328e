"""A consumer that was away for longer than the broker remembers notices, asks, and ends with everything."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from common.contracts.base import events_topic
from common.database import Database
from common.ids import new_id
from common.messaging.catch_up import LINGER_SECONDS, CatchUpSource

from tests.parts.ports import eventually
from tests.support import toy
from tests.support.database import ServiceUrls
from tests.support.messaging import Broker, Side, embedded_broker, real_broker, two_sides

Databases = Callable[[str], AbstractContextManager[ServiceUrls]]
PADDING = "x" * 50_000
"""With 200 public facts of one account: 10 MB on one partition, twice what the embedded broker keeps."""


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def forgetful(request: pytest.FixtureRequest) -> Iterator[Broker]:
    if request.param == "embedded":
        with embedded_broker() as broker:
            yield broker
    else:
        with real_broker(retention_ms=3_600_000, segment_bytes=1_048_576) as broker:
            yield broker


async def forget(broker: Broker, **configs: str) -> None:
    """Tell a Kafka how long to keep the topic's messages, in place of all that it was told of the topic before."""
    if broker.embedded:  # keeps 5 MB of each partition
        return
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        topic = ConfigResource(ConfigResourceType.TOPIC, events_topic("publisher"), configs=configs)
        await admin.alter_configs([topic])
    finally:
        await admin.close()


async def forgotten(broker: Broker) -> bool:
    """Whether the broker no longer holds all of the topic: Kafka nothing at all, the embedded one its beginning."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap)
    await consumer.start()
    try:
        topic = events_topic("publisher")
        await consumer._client._wait_on_metadata(topic)
        partitions = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic) or ()]
        firsts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        return any(firsts.values()) and (broker.embedded or firsts == ends)
    finally:
        await consumer.stop()


async def speak(speaker: Side, padding: str, times: int) -> None:
    account, counter = new_id(), new_id()
    for _ in range(times // 10):
        await speaker.database.run(account, lambda tx: toy.count(tx, counter, toy.Count(20, padding)))


async def test_a_consumer_that_was_away_too_long_catches_up(
    forgetful: Broker, service_database: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.messaging.catch_up.LINGER_SECONDS", 1.0)
    with service_database("publisher") as speaking, service_database("planner") as listening:
        async with two_sides(speaking, listening, forgetful) as (speaker, listener):
            speaker.start("relay", "control", "source")
            listener.start("consumer", "asks")
            await speak(speaker, "", 20)
            await eventually(lambda: listener.heard() != [], 90, what="the listener is there")
            await eventually(
                lambda: sorted(listener.heard()) == speaker.said(), 90, what="it hears everything"
            )
            await listener.stop("consumer")

            await speak(speaker, PADDING, 200)
            await eventually(
                lambda: speaker.scalar("SELECT count(*) FROM outbox") == 0, 120, what="all was said"
            )
            await forget(forgetful, **{"retention.ms": "1"})
            await eventually(lambda: forgotten(forgetful), 90, what="the broker forgot it")
            # Or it would forget what is said again before a slow machine has heard it.
            await forget(forgetful)

            listener.start("consumer")  # and nobody says anything more that would show a gap
            await eventually(
                lambda: sorted(listener.heard()) == speaker.said(), 150, what="it caught up with everything"
            )
            await eventually(
                lambda: speaker.scalar("SELECT count(*) FROM catch_ups") == 0,
                what="the catch-up has ended",
            )
            assert sorted(listener.heard()) == speaker.said()


async def test_without_asking_it_would_miss_them(service_database: Databases) -> None:
    """The control of the test above: the gap is real."""
    with (
        embedded_broker() as broker,
        service_database("publisher") as speaking,
        service_database("planner") as listening,
    ):
        async with two_sides(speaking, listening, broker) as (speaker, listener):
            speaker.start("relay")
            await speak(speaker, PADDING, 200)
            await eventually(
                lambda: speaker.scalar("SELECT count(*) FROM outbox") == 0, 120, what="all was said"
            )
            listener.start("consumer")
            await speak(speaker, "", 20)
            last = speaker.said()[-1]
            await eventually(lambda: last in listener.heard(), what="the newest is heard")
            assert len(listener.heard()) < len(speaker.said())
            assert listener.scalar("SELECT count(*) FROM catch_up_requests") == 1


async def test_a_new_life_of_the_broker_is_caught_up(
    service_database: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The in-memory broker died with what was not heard yet; services start again against an empty one. One that asked
    earlier and was stopped then holds up nobody."""
    monkeypatch.setattr("common.messaging.catch_up.PATIENCE_SECONDS", 0.5)
    with (
        service_database("publisher") as speaking,
        service_database("planner") as listening,
        embedded_broker() as first,
    ):
        async with two_sides(speaking, listening, first) as (speaker, listener):
            speaker.start("relay")
            listener.start("consumer")
            await speak(speaker, "", 20)
            await eventually(lambda: sorted(listener.heard()) == speaker.said(), 90, what="it hears all")
            await listener.stop("consumer")
            await speak(speaker, "", 50)
            await eventually(
                lambda: speaker.scalar("SELECT count(*) FROM outbox") == 0, 90, what="all was said"
            )
            with embedded_broker() as second:
                await speaker.stop()
                await listener.stop()
                for side in (speaker, listener):
                    side.broker = second
                with psycopg.connect(speaking.owner) as connection:
                    connection.execute(
                        "INSERT INTO catch_ups (consumer, start_position, next_position, until_position)"
                        " VALUES ('igny8.stopped', 1, 1, 10)"
                    )
                speaker.start("relay", "control", "source")
                listener.start("consumer", "asks")
                await eventually(lambda: sorted(listener.heard()) == speaker.said(), 150, what="it caught up")
                await listener.stop()
                await speaker.stop()


@pytest.mark.parametrize(
    ("kept", "regrown"),
    [(0, False), (7, False), (7, True), (19, True)],
    ids=["empty", "shorter", "longer again", "longer again by another last one"],
)
async def test_a_log_that_was_cut_is_caught_up(
    service_database: Databases, monkeypatch: pytest.MonkeyPatch, kept: int, regrown: bool
) -> None:
    """The broker came back without its last messages, under the same name: from an older disk, or with a leader that
    had not had them. Some of them nobody had heard; others had been heard by this listener, but maybe by no other."""
    monkeypatch.setattr(
        "common.messaging.catch_up.MARGIN", timedelta(0)
    )  # which would hide what was asked for
    with (
        service_database("publisher") as speaking,
        service_database("planner") as listening,
        embedded_broker() as first,
        embedded_broker() as second,
    ):
        async with two_sides(speaking, listening, first) as (speaker, listener):
            account, counter = new_id(), new_id()

            async def speak_and_say(times: int) -> None:
                for _ in range(times):
                    await speaker.database.run(account, lambda tx: toy.count(tx, counter, toy.Count(2)))
                await eventually(
                    lambda: speaker.scalar("SELECT count(*) FROM outbox") == 0, what="it is said"
                )

            speaker.start("relay")
            listener.start("consumer")
            await speak_and_say(20)
            await eventually(lambda: listener.heard() == speaker.said(), 90, what="it hears all")
            await listener.stop()
            await speak_and_say(5)
            await speaker.stop()

            await copy(first, second, kept)
            for side in (speaker, listener):
                side.broker = Broker(second.bootstrap, first.incarnation)
            speaker.start("relay", "control", "source")
            await speak_and_say(30 if regrown else 1 if kept else 0)
            listener.start("consumer", "asks")
            await eventually(
                lambda: sorted(listener.heard()) == speaker.said(), 90, what="it caught up with everything"
            )
            if kept:
                said = {version for _, version in speaker.said()}

                async def whole() -> bool:
                    return await versions(second) == said

                await eventually(whole, what="the others can hear it too")
            await eventually(
                lambda: listener.scalar("SELECT count(*) FROM catch_up_requests") == 0, what="it has asked"
            )
            await listener.stop()

            listener.start("consumer")  # once more: what comes now goes on where it was
            await speak_and_say(1)
            await eventually(lambda: sorted(listener.heard()) == speaker.said(), 90, what="it goes on")
            assert listener.scalar("SELECT count(*) FROM catch_up_requests") == 0


async def records(broker: Broker) -> list[ConsumerRecord[bytes, bytes]]:
    """All that the topic holds, one partition after the other."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap)
    await consumer.start()
    try:
        topic, found = events_topic("publisher"), list[ConsumerRecord[bytes, bytes]]()
        await consumer._client._wait_on_metadata(topic)
        partitions = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic) or ()]
        for partition, end in (await consumer.end_offsets(partitions)).items():
            consumer.assign([partition])
            consumer.seek(partition, 0)
            while await consumer.position(partition) < end:
                found.append(await consumer.getone())
        return found
    finally:
        await consumer.stop()


async def versions(broker: Broker) -> set[int]:
    return {int(dict(record.headers)["ce_streamversion"]) for record in await records(broker)}


async def copy(source: Broker, target: Broker, kept: int) -> None:
    """The first messages of the topic, as they are."""
    producer = AIOKafkaProducer(bootstrap_servers=target.bootstrap)
    await producer.start()
    try:
        for record in (await records(source))[:kept]:
            await producer.send_and_wait(
                record.topic,
                record.value,
                record.key,
                record.partition,
                record.timestamp,
                list(record.headers),
            )
    finally:
        await producer.stop()


async def test_a_gap_in_the_last_slice_is_filled_though_newer_events_were_heard(
    toy_database: Database, toy_urls: ServiceUrls
) -> None:
    """What is asked for then begins at the consumer's newest event: the catch-up that is still there begins anew."""

    def cursors() -> list[tuple[int, int]]:
        with psycopg.connect(toy_urls.owner) as connection:
            return connection.execute("SELECT start_position, next_position FROM catch_ups").fetchall()

    account, counter = new_id(), new_id()
    for _ in range(3):
        await toy_database.run(account, lambda tx: toy.count(tx, counter, toy.Count(2)))
    source = CatchUpSource("publisher", toy_database, "", lambda: None)
    await source._begin("a.consumer", datetime(2026, 1, 1, tzinfo=UTC))
    ((first, _),) = cursors()
    await source._give("a.consumer")
    assert not await source._is_over("a.consumer", LINGER_SECONDS - 1)
    async with toy_database.transaction(account) as tx:
        newest = await tx.scalar("SELECT max(recorded_at) FROM events")
    await source._begin("a.consumer", newest)
    assert cursors() == [(first, first)]
    assert await source._is_over("a.consumer", LINGER_SECONDS - 1), "the slice is, the catch-up is not"
    await source._give("a.consumer")
    assert await source._is_over("a.consumer", LINGER_SECONDS)
    assert cursors() == []
