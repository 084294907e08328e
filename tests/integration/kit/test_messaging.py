"""Saying and hearing on the embedded broker and on a real Apache Kafka: never lost, never double, in order."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from uuid import UUID

import psycopg
import pytest
from aiokafka import AIOKafkaProducer
from common import telemetry
from common.contracts.base import PROGRESS_TOPIC, events_topic
from common.contracts.control import ProgressReported
from common.contracts.publisher import SiteConnected
from common.database import Transaction
from common.eventsourcing.event import Meta
from common.ids import new_id
from common.messaging.consumer import Consumer
from common.messaging.direct import DirectProducer
from common.messaging.envelope import Heard, parse
from common.messaging.inbox import Message
from common.messaging.reactions import Reactions
from common.messaging.relay import Relay
from common.messaging.topics import ensure_topics
from common.supervision import Loop

from tests.parts.ports import eventually
from tests.support import toy
from tests.support.database import PostgresServer, ServiceUrls
from tests.support.messaging import Broker, Side, embedded_broker, real_broker, two_sides

Databases = Callable[[str], AbstractContextManager[ServiceUrls]]


@pytest.fixture(scope="module", params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    with embedded_broker() if request.param == "embedded" else real_broker() as broker:
        yield broker


@pytest.fixture
async def sides(broker: Broker, service_database: Databases) -> AsyncIterator[tuple[Side, Side]]:
    with service_database("publisher") as speaker, service_database("planner") as listener:
        fresh = Broker(broker.bootstrap, broker.incarnation)
        async with two_sides(speaker, listener, fresh) as sides:
            # Each test has its own groups and hears only its own accounts: topics are shared with the others.
            sides[1].name = sides[1].name + "." + str(new_id())
            sides[0].name = sides[0].name + "." + str(new_id())
            yield sides


def in_order(heard: list[tuple[str, int]]) -> bool:
    last: dict[str, int] = defaultdict(int)
    for subject, version in heard:
        if version <= last[subject]:
            return False
        last[subject] = version
    return True


def only(side: Side, said: list[tuple[str, int]]) -> list[tuple[str, int]]:
    subjects = {subject for subject, _ in said}
    return [entry for entry in side.heard() if entry[0] in subjects]


async def test_who_takes_the_whole_of_a_topic_shares_it_with_nobody(broker: Broker) -> None:
    """As gateways do with steps of progress. Who comes later begins where any of them has come to."""
    await ensure_topics(broker.bootstrap, embedded=broker.embedded)
    producer, account = DirectProducer(broker.bootstrap, "planner"), new_id()

    async def say(number: int) -> None:
        step = ProgressReported(
            operation_id=account, function="auto_cluster", phase="Saving", item=number, items=9, percent=9
        )
        await producer.send(step, account)

    def hearing(heard: list[int]) -> Loop:
        async def take(batch: Sequence[Message]) -> None:
            said = [parse(message.headers, message.value) for message in batch]
            heard.extend(each.data.item for each in said if isinstance(each.data, ProgressReported))

        consumer = Consumer(
            broker.bootstrap, "whole", [PROGRESS_TOPIC], embedded=broker.embedded, take=take, whole=True
        )
        loop = Loop("whole", lambda loop: consumer.run(loop.beat))
        loop.start()
        return loop

    first, second, third = list[int](), list[int](), list[int]()
    loops = [hearing(first), hearing(second)]
    for number in range(3):
        await say(number)
    await eventually(lambda: first == second == [0, 1, 2], what="both heard all")
    await asyncio.gather(*(loop.stop() for loop in loops))
    await say(3)
    later = hearing(third)
    await eventually(lambda: third, what="the later one hears")
    await later.stop()
    await producer.close()
    assert third == [3]


async def test_what_is_said_is_heard_once_and_in_order(sides: tuple[Side, Side]) -> None:
    speaker, listener = sides
    speaker.start("relay")
    listener.start("consumer")
    accounts = {new_id(): [new_id() for _ in range(3)] for _ in range(5)}
    for _ in range(4):
        for account, counters in accounts.items():
            for counter in counters:
                await speaker.database.run(account, _count(counter, 3))
    said = speaker.said()
    assert len(said) == 5 * 3 * 6
    await eventually(lambda: len(only(listener, said)) >= len(said), what="everything is heard")
    heard = only(listener, said)
    assert sorted(heard) == said
    assert in_order(heard)
    await eventually(lambda: speaker.scalar("SELECT count(*) FROM outbox") == 0, what="the outbox is empty")


async def test_a_redelivered_and_republished_event_changes_nothing(sides: tuple[Side, Side]) -> None:
    speaker, listener = sides
    speaker.start("relay")
    listener.start("consumer")
    account, counter = new_id(), new_id()
    await speaker.database.run(account, _count(counter, 200))
    said = speaker.said()
    await eventually(lambda: len(only(listener, said)) == len(said), what="everything is heard")
    before = only(listener, said)
    await listener.stop("consumer")
    with psycopg.connect(listener.urls.owner) as connection:
        connection.execute("UPDATE consumer_offsets SET next_offset = 0")
    with psycopg.connect(speaker.urls.owner) as connection:
        connection.execute("SELECT republish_events(0, 1000000, 1000000, 100000000)")
    listener.start("consumer")
    marker = new_id()
    await speaker.database.run(account, _count(marker, 2))
    await eventually(
        lambda: any(str(marker) in subject for subject, _ in listener.heard()), what="the marker is heard"
    )
    assert only(listener, said) == before


async def test_a_poison_event_is_parked_its_neighbours_pass_and_retry_heals_it(
    broker: Broker, service_database: Databases
) -> None:
    poison: set[UUID] = set()
    reactions = Reactions()

    @reactions.on(SiteConnected)
    async def hear(event: Heard[SiteConnected], tx: Transaction) -> None:
        if event.data.site_id in poison:
            raise ValueError("this one cannot be handled")
        for reaction in toy.listener()._by_contract[SiteConnected]:
            await reaction(event, tx)

    with service_database("publisher") as speaking, service_database("planner") as listening:
        async with two_sides(speaking, listening, broker, reactions) as (speaker, listener):
            listener.name = f"poison.{new_id()}"
            account, bad, good = new_id(), new_id(), new_id()
            poison.add(bad)
            for _ in range(5):
                await speaker.database.run(account, _count(bad, 2))
                await speaker.database.run(account, _count(good, 2))
            speaker.start("relay")
            listener.start("consumer", "dead_letters")
            said = speaker.said()
            await eventually(
                lambda: len([1 for s, _ in only(listener, said) if str(good) in s]) == 5,
                what="neighbours pass",
            )
            letters = "SELECT count(*) FROM dead_letters"
            assert listener.scalar(letters) == 5, "the stream's later events wait behind the first"
            with psycopg.connect(listener.urls.owner) as connection:
                connection.execute("UPDATE dead_letters SET attempts = 5, next_attempt_at = now()")
            dead = "SELECT count(*) FROM dead_letters WHERE state = 'dead'"
            await eventually(
                lambda: listener.scalar(dead) == 1, what="the last attempt failed, a person decides"
            )
            poison.clear()
            with psycopg.connect(listener.urls.owner) as connection:
                connection.execute("UPDATE dead_letters SET state = 'retrying', next_attempt_at = now()")
            await eventually(lambda: listener.scalar(letters) == 0, what="the retry heals it")
            heard = only(listener, said)
            assert sorted(heard) == said
            assert in_order(heard)


async def test_an_unreadable_message_goes_to_a_person_and_the_rest_passes(sides: tuple[Side, Side]) -> None:
    speaker, listener = sides
    speaker.start("relay")
    account, counter = new_id(), new_id()
    producer = AIOKafkaProducer(bootstrap_servers=speaker.broker.bootstrap)
    await producer.start()
    headers = [
        ("ce_type", b"igny8.publisher.SiteConnected.v1"),
        ("ce_id", str(new_id()).encode()),
        ("ce_accountid", str(account).encode()),
        ("odd", b"\xff\xfe"),
    ]
    try:
        await producer.send_and_wait(events_topic("publisher"), b"{not json", key=b"k", headers=headers)
        await producer.send_and_wait(events_topic("publisher"), b"no cloud event at all", key=b"k")
    finally:
        await producer.stop()
    await speaker.database.run(account, _count(counter, 2))
    listener.start("consumer")
    said = speaker.said()
    await eventually(lambda: len(only(listener, said)) == len(said), what="the rest passes")
    mine = f"SELECT count(*) FROM dead_letters WHERE state = 'dead' AND account_id = '{account}'"
    await eventually(lambda: listener.scalar(mine) == 1, what="the unreadable message is kept")


async def test_the_listener_survives_the_loss_of_its_database_connections(
    sides: tuple[Side, Side], postgres: PostgresServer
) -> None:
    speaker, listener = sides
    speaker.start("relay")
    listener.start("consumer")
    account = new_id()
    counters = [new_id() for _ in range(10)]

    async def talk() -> None:
        for _ in range(10):
            for counter in counters:
                await speaker.database.run(account, _count(counter, 2))

    async def cut() -> None:
        for _ in range(5):
            await asyncio.sleep(0.1)
            with psycopg.connect(postgres.url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'planner_%'"
                )

    await asyncio.gather(talk(), cut())
    said = speaker.said()
    await eventually(lambda: len(only(listener, said)) >= len(said), what="everything is heard")
    assert sorted(only(listener, said)) == said


async def test_hears_the_same_when_it_is_traced(
    sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry, "tracing", lambda: True)
    speaker, listener = sides
    speaker.start("relay")
    listener.start("consumer")
    account, counter = new_id(), new_id()
    traced = Meta(traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    await speaker.database.run(account, _count(counter, 6), traced)
    said = speaker.said()
    await eventually(lambda: len(only(listener, said)) >= len(said), what="everything is heard")
    assert sorted(only(listener, said)) == said


async def test_a_broker_that_is_away_is_not_well() -> None:
    relay = Relay("postgresql://nobody@localhost:1/none", toy.MODEL, "127.0.0.1:1")
    assert not await relay._kafka_is_well()


def _count(counter: UUID, times: int) -> Callable[[Transaction], "asyncio.Future[int]"]:
    return lambda tx: toy.count(tx, counter, toy.Count(times))  # type: ignore[return-value]
