"""The outbox relay on real parts: nothing lost, each stream in order, whatever dies on the way."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, NotLeaderForPartitionError
from common.contracts.base import events_topic
from common.database import Database, Transaction
from common.ids import new_id
from common.messaging import relay as relay_module
from common.messaging.envelope import parse
from common.messaging.relay import Relay
from common.supervision import Loop

from tests.parts.kafka import RealKafka
from tests.parts.ports import eventually
from tests.support import toy
from tests.support.database import PostgresServer, ServiceUrls
from tests.support.messaging import Broker, embedded_broker

TOPIC = events_topic("publisher")
WRITERS, ROUNDS = 12, 12


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with embedded_broker() as broker:
        yield broker


@dataclass
class Supervised:
    relay: Relay


@asynccontextmanager
async def supervised(urls: ServiceUrls, kafka: str) -> AsyncIterator[tuple[Supervised, Loop]]:
    """As a service runs it: each that failed has a successor."""
    now = Supervised(Relay(urls.relay, toy.MODEL, kafka))

    async def run(loop: Loop) -> None:
        now.relay = now.relay.successor()
        now.relay.beat = loop.beat
        await now.relay.run()

    loop = Loop("relay", run)
    loop.start()
    try:
        yield now, loop
    finally:
        await loop.stop()


@asynccontextmanager
async def by_hand(urls: ServiceUrls, kafka: str) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """A relay that sends a batch when the test says so."""
    relay = Relay(urls.relay, toy.MODEL, kafka)
    async with await psycopg.AsyncConnection.connect(urls.relay, autocommit=True) as connection:
        try:
            yield lambda: relay.drain_once(connection)
        finally:
            await relay._producer.drop()


Fact = tuple[str, int]


@dataclass
class Heard:
    """Subject and version of every message of this test's accounts, in the order of each partition."""

    facts: list[Fact] = field(default_factory=list)

    @property
    def first_times(self) -> list[Fact]:
        return list(dict.fromkeys(self.facts))

    def in_order(self) -> bool:
        """Whether each stream's versions come in order when repetitions are passed over, as the inbox does."""
        last: dict[str, int] = defaultdict(int)
        for subject, version in self.first_times:
            if version < last[subject]:
                return False
            last[subject] = version
        return True


async def everything(kafka: str, streams: set[str]) -> Heard:
    """All of the topic from its beginning."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", fetch_max_wait_ms=20)
    await consumer.start()
    try:
        await consumer._client._wait_on_metadata(TOPIC)
        partitions = [TopicPartition(TOPIC, n) for n in consumer.partitions_for_topic(TOPIC) or ()]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        heard = Heard()
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    event = parse(record.headers, record.value)
                    if event.subject in streams:
                        heard.facts.append((event.subject, event.version))
        return heard
    finally:
        await consumer.stop()


def rows(url: str, query: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def outbox(urls: ServiceUrls) -> int:
    count: int = rows(urls.owner, "SELECT count(*) FROM outbox")[0][0]
    return count


def said(urls: ServiceUrls) -> list[Fact]:
    """What had to be said: the toy's even numbers."""
    return rows(
        urls.owner,
        "SELECT stream, version FROM events WHERE (data->>'number')::int % 2 = 0 ORDER BY stream, version",
    )


def streams(facts: list[Fact]) -> set[str]:
    return {stream for stream, _ in facts}


class RolledBack(Exception):
    """A writer changed its mind after its append."""


async def write_slowly(database: Database) -> None:
    """One account's writer: appends, dawdles before the commit, now and then rolls back."""
    account, counters = new_id(), [new_id(), new_id()]

    async def work(tx: Transaction) -> None:
        await toy.count(tx, random.choice(counters), toy.Count(2))
        # Positions are given now and become visible later, in another order: the trap.
        await tx.execute("SELECT pg_sleep(%(seconds)s)", {"seconds": random.uniform(0, 0.06)})
        if random.random() < 0.25:
            raise RolledBack

    for _ in range(ROUNDS):
        with suppress(RolledBack):
            await database.run(account, work)


async def naive_relay(urls: ServiceUrls, until: asyncio.Event) -> set[int]:
    """What one writes first: read above the last position seen. Never sends, only notes what it would have sent."""
    seen: set[int] = set()
    last = 0
    async with await psycopg.AsyncConnection.connect(urls.owner, autocommit=True) as connection:
        while True:
            over = until.is_set()
            cursor = await connection.execute(
                "SELECT position FROM events WHERE position > %s AND (data->>'number')::int %% 2 = 0 ORDER BY position",
                (last,),
            )
            for (position,) in await cursor.fetchall():
                seen.add(position)
                last = position
            if over:
                return seen
            with suppress(TimeoutError):
                await asyncio.wait_for(until.wait(), 0.002)


async def test_slow_commits_and_rollbacks_lose_nothing_where_a_naive_relay_loses(
    broker: Broker, toy_urls: ServiceUrls
) -> None:
    database = Database(toy_urls.service, toy.MODEL, pool_size=WRITERS)
    await database.open()
    over = asyncio.Event()
    naive = asyncio.create_task(naive_relay(toy_urls, over))
    try:
        async with supervised(toy_urls, broker.bootstrap) as (now, _):
            database.committed.append(lambda: now.relay.wake())
            await asyncio.gather(*(write_slowly(database) for _ in range(WRITERS)))
            over.set()
            await eventually(lambda: outbox(toy_urls) == 0, what="all was said")
    finally:
        over.set()
        seen = await naive
        await database.close()
    expected = said(toy_urls)
    heard = await everything(broker.bootstrap, streams(expected))
    assert sorted(heard.first_times) == expected
    assert heard.in_order()
    assert len(seen) < len(expected), "the trap was not there: the naive relay saw everything"


async def test_a_lower_position_that_commits_later_is_said(
    broker: Broker, toy_urls: ServiceUrls, toy_database: Database
) -> None:
    late, early = new_id(), new_id()
    async with by_hand(toy_urls, broker.bootstrap) as drain:
        async with toy_database.transaction(late) as tx:
            await toy.count(tx, late, toy.Count(2))
            await count_on(toy_database, early, early, 1)
            assert await drain() == 1
        assert await drain() == 1
    heard = await everything(broker.bootstrap, streams(said(toy_urls)))
    assert sorted(heard.facts) == said(toy_urls)


async def test_a_lower_position_that_commits_while_a_batch_is_sent_stays(
    broker: Broker, toy_urls: ServiceUrls, toy_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, early = new_id(), new_id()
    send_batch: Any = AIOKafkaProducer.send_batch
    async with by_hand(toy_urls, broker.bootstrap) as drain, AsyncExitStack() as open_transaction:
        tx = await open_transaction.enter_async_context(toy_database.transaction(late))
        await toy.count(tx, late, toy.Count(2))
        await count_on(toy_database, early, early, 1)

        async def send(self: AIOKafkaProducer, *args: Any, **kwargs: Any) -> Any:
            await open_transaction.aclose()  # commits
            return await send_batch(self, *args, **kwargs)

        monkeypatch.setattr(AIOKafkaProducer, "send_batch", send)
        assert await drain() == 1
        assert outbox(toy_urls) == 1
        assert await drain() == 1
    heard = await everything(broker.bootstrap, streams(said(toy_urls)))
    assert sorted(heard.facts) == said(toy_urls)


async def test_what_kafka_does_not_acknowledge_stays(
    broker: Broker, toy_urls: ServiceUrls, toy_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send(*_batch: Any, **_place: Any) -> Any:
        acknowledged: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        acknowledged.set_exception(NotLeaderForPartitionError())
        return acknowledged

    await count_on(toy_database, new_id(), new_id(), 3)
    async with by_hand(toy_urls, broker.bootstrap) as drain:
        with monkeypatch.context() as patched:
            patched.setattr(AIOKafkaProducer, "send_batch", send)
            with pytest.raises(KafkaError):
                await drain()
        assert outbox(toy_urls) == 3
        assert await drain() == 3
    heard = await everything(broker.bootstrap, streams(said(toy_urls)))
    assert heard.facts == said(toy_urls)


async def test_an_account_stays_on_one_partition(
    broker: Broker, toy_urls: ServiceUrls, toy_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, partitions = new_id(), set()
    send_batch: Any = AIOKafkaProducer.send_batch

    async def send(self: AIOKafkaProducer, batch: Any, topic: str, *, partition: int) -> Any:
        partitions.add(partition)
        return await send_batch(self, batch, topic, partition=partition)

    monkeypatch.setattr(AIOKafkaProducer, "send_batch", send)
    for counter in [new_id() for _ in range(8)]:
        await count_on(toy_database, account, counter, 1)
    async with by_hand(toy_urls, broker.bootstrap) as drain:
        assert await drain() == 8
    assert len(partitions) == 1


async def test_of_two_one_leads_and_the_other_takes_over(
    broker: Broker, postgres: PostgresServer, toy_urls: ServiceUrls, toy_database: Database
) -> None:
    account, counter = new_id(), new_id()
    name = rows(toy_urls.owner, "SELECT current_database()")[0][0]
    async with (
        supervised(toy_urls, broker.bootstrap) as one,
        supervised(toy_urls, broker.bootstrap) as two,
    ):
        relays = (one, two)
        for turn in range(3):
            await eventually(
                lambda: sum(now.relay.leading for now, _ in relays) == 1, what="one of them leads"
            )
            leader = next(now.relay for now, _ in relays if now.relay.leading)
            writing = asyncio.create_task(count_on(toy_database, account, counter, 30))
            killed = rows(
                postgres.url,
                f"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE objid = {relay_module.LEADER_LOCK} AND granted"
                f" AND database = (SELECT oid FROM pg_database WHERE datname = '{name}')",
            )
            assert killed == [(True,)], turn
            await eventually(lambda: not leader.leading, what="the leader noticed")  # noqa: B023
            await writing
            await eventually(lambda: outbox(toy_urls) == 0, what="the other one says the rest")
    expected = said(toy_urls)
    heard = await everything(broker.bootstrap, streams(expected))
    assert sorted(heard.first_times) == expected
    assert heard.in_order()


async def test_a_leader_that_stands_still_is_followed_by_another(
    broker: Broker, toy_urls: ServiceUrls, toy_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection stays, and its lock with it: the kernel answers for a process that is stopped."""
    monkeypatch.setattr(relay_module, "LEADER_SILENCE_SECONDS", 0.5)
    account, counter = new_id(), new_id()
    async with supervised(toy_urls, broker.bootstrap) as (first, _):
        await eventually(lambda: first.relay.leading, what="the first one leads")

        async def stand_still(*_: object) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(first.relay, "_send", stand_still)
        async with supervised(toy_urls, broker.bootstrap) as (second, _):
            await count_on(toy_database, account, counter, 3)
            await eventually(lambda: outbox(toy_urls) == 0, what="the other one says it")
            assert second.relay.leading
    expected = said(toy_urls)
    heard = await everything(broker.bootstrap, streams(expected))
    assert sorted(heard.first_times) == expected


async def count_on(database: Database, account: UUID, counter: UUID, times: int) -> None:
    for _ in range(times):
        await database.run(account, lambda tx: toy.count(tx, counter, toy.Count(2)))


async def test_a_republished_range_leaves_out_what_is_private(
    broker: Broker, toy_urls: ServiceUrls, toy_database: Database
) -> None:
    await count_on(toy_database, new_id(), new_id(), 3)
    with psycopg.connect(toy_urls.owner) as connection:
        connection.execute("DELETE FROM outbox")
        connection.execute("SELECT republish_events(0, 1000, 1000, 1000000)")
    assert outbox(toy_urls) == 6
    async with supervised(toy_urls, broker.bootstrap):
        await eventually(lambda: outbox(toy_urls) == 0, what="all was looked at")
    expected = said(toy_urls)
    assert (await everything(broker.bootstrap, streams(expected))).facts == expected


async def test_only_private_rows_need_no_broker(toy_urls: ServiceUrls, toy_database: Database) -> None:
    await toy_database.run(new_id(), lambda tx: toy.count(tx, new_id(), toy.Count(1)))
    with psycopg.connect(toy_urls.owner) as connection:
        connection.execute("SELECT republish_events(0, 1000, 1000, 1000000)")
    async with supervised(toy_urls, "127.0.0.1:1"):
        await eventually(lambda: outbox(toy_urls) == 0, what="the row is gone")


async def test_after_a_failed_send_a_new_producer_goes_on_from_the_front(
    broker: Broker, toy_urls: ServiceUrls, toy_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, counter = new_id(), new_id()
    await count_on(toy_database, account, counter, 10)
    producers: list[AIOKafkaProducer] = []
    failures = [NotLeaderForPartitionError(), TimeoutError()]
    send_batch: Any = AIOKafkaProducer.send_batch

    async def send(self: AIOKafkaProducer, *args: Any, **kwargs: Any) -> Any:
        if self not in producers:
            producers.append(self)
        if failures:
            raise failures.pop()
        return await send_batch(self, *args, **kwargs)

    monkeypatch.setattr(AIOKafkaProducer, "send_batch", send)
    async with supervised(toy_urls, broker.bootstrap) as (_, loop):
        await eventually(lambda: outbox(toy_urls) == 0, what="all was said")
        await eventually(lambda: loop.healthy, what="it is well again")
    assert len(producers) == 3, "one for each failure and one that worked"
    expected = said(toy_urls)
    assert (await everything(broker.bootstrap, streams(expected))).facts == expected


async def test_without_a_broker_writes_go_on_and_nothing_is_put_aside(
    toy_urls: ServiceUrls, toy_database: Database, broker: Broker
) -> None:
    async with supervised(toy_urls, "127.0.0.1:1") as (_, loop):
        await count_on(toy_database, new_id(), new_id(), 3)
        await eventually(lambda: loop.restarts >= 2, what="it tries again")
        assert not loop.healthy
    assert outbox(toy_urls) == 3
    async with supervised(toy_urls, broker.bootstrap):
        await eventually(lambda: outbox(toy_urls) == 0, what="all was said")
    assert rows(toy_urls.owner, "SELECT * FROM outbox_dead_letters") == []


@pytest.mark.kafka
async def test_a_refused_message_goes_aside_and_the_rest_flows(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]],
) -> None:
    with service_database("publisher") as urls, RealKafka() as kafka:
        with psycopg.connect(urls.owner) as connection:
            connection.execute(toy.SCHEMA)
        await create_topic(kafka.bootstrap, largest=50_000)
        database = Database(urls.service, toy.MODEL)
        await database.open()
        account, counter, large = new_id(), new_id(), new_id()
        try:
            await count_on(database, account, counter, 2)
            await database.run(account, lambda tx: toy.count(tx, large, toy.Count(2, "x" * 100_000)))
            await count_on(database, account, counter, 2)
            async with supervised(urls, kafka.bootstrap) as (_, loop):
                await eventually(lambda: loop.restarts > 0, what="the refusal shows")
                assert not loop.healthy
                await eventually(lambda: outbox(urls) == 0, 90, what="the rest was said")
                await eventually(lambda: loop.healthy, what="it is well again")
                await count_on(database, account, counter, 1)
                await eventually(lambda: outbox(urls) == 0, what="what comes later is said, too")
        finally:
            await database.close()
        aside = rows(urls.owner, "SELECT stream, error FROM outbox_dead_letters JOIN events USING (position)")
        assert [stream for stream, _ in aside] == [f"counter-{large}"]
        assert "MessageSizeTooLarge" in aside[0][1]
        expected = [fact for fact in said(urls) if str(large) not in fact[0]]
        heard = await everything(kafka.bootstrap, streams(said(urls)))
        assert heard.first_times == expected


async def create_topic(kafka: str, *, largest: int) -> None:
    """With a limit of its own, below what may travel: the refusal is Kafka's."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        config = {"max.message.bytes": str(largest)}
        await admin.create_topics([NewTopic(TOPIC, 2, 1, topic_configs=config)])
    finally:
        await admin.close()


async def test_more_than_one_batch_per_partition_keeps_its_order(
    broker: Broker, toy_urls: ServiceUrls, toy_database: Database
) -> None:
    account, counter = new_id(), new_id()
    for _ in range(3):
        await toy_database.run(account, lambda tx: toy.count(tx, counter, toy.Count(8, "x" * 200_000)))
    async with supervised(toy_urls, broker.bootstrap):
        await eventually(lambda: outbox(toy_urls) == 0, what="all was said")
        expected = said(toy_urls)
        # The embedded broker keeps 5 MB a partition: what it still has must be the end, in order.
        heard = (await everything(broker.bootstrap, streams(expected))).facts
    assert len(heard) > 5
    assert heard == expected[-len(heard) :]
