"""Everything that was ever said, delivered again: to copies of the services' databases, in another order, several times."""

import random
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import chain
from urllib.parse import urlsplit

import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition
from common.contracts.base import SERVICES, events_topic
from common.database import Database
from common.messaging.consumer import group_of
from common.messaging.inbox import Inbox, Message
from common.operate.projections import digests
from common.service import Service
from psycopg import sql

from tests.parts.ports import wait_for
from tests.support.product import Product

LONGEST_STRETCH = 40
MOST_TIMES = 3
_POLL_MS = 1_000


async def everything_said(bootstrap: str) -> list[list[Message]]:
    """What the topics of events hold, one list for each partition, in its order."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = []
        for service in SERVICES:
            await consumer._client._wait_on_metadata(events_topic(service))
            found = consumer.partitions_for_topic(events_topic(service)) or ()
            partitions += [TopicPartition(events_topic(service), number) for number in sorted(found)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        heard: dict[TopicPartition, list[Message]] = {each: [] for each in partitions}
        while any([await consumer.position(each) < ends[each] for each in partitions]):
            for partition, records in (await consumer.getmany(timeout_ms=_POLL_MS)).items():
                heard[partition] += [
                    Message(each.topic, each.partition, each.offset, each.headers, each.value)
                    for each in records
                ]
        return [messages for messages in heard.values() if messages]
    finally:
        await consumer.stop()


def disorder(
    partitions: Sequence[Sequence[Message]],
    seed: int,
    *,
    most_times: int = MOST_TIMES,
    longest_batch: int = LONGEST_STRETCH,
) -> Iterator[list[Message]]:
    """Batches in which each partition keeps its order, each stretch of it comes one to `most_times` times, and all else
    is shuffled.

    That is what Kafka may do: a consumer that could not commit begins again where it last did.
    """
    chance = random.Random(seed)
    waiting = [deque(chain.from_iterable(_with_repetitions(each, chance, most_times))) for each in partitions]
    while waiting:
        batch: list[Message] = []
        for _ in range(chance.randint(1, longest_batch)):
            chosen = chance.choice(waiting)
            batch.append(chosen.popleft())
            if not chosen:
                waiting.remove(chosen)
                if not waiting:
                    break
        yield batch


def _with_repetitions(
    messages: Sequence[Message], chance: random.Random, most_times: int
) -> Iterator[Sequence[Message]]:
    begin = 0
    while begin < len(messages):
        end = begin + chance.randint(1, LONGEST_STRETCH)
        for _ in range(chance.randint(1, most_times)):
            yield messages[begin:end]
        begin = end


class Copy:
    """A copy of one service's database, and its inbox with the service's own reactions."""

    def __init__(self, service: Service, owner: str, url: str) -> None:
        self.service = service
        self.owner = owner
        self.url = url

    async def deliver(self, batches: Iterator[list[Message]]) -> None:
        """As if nothing had been heard before."""
        with psycopg.connect(self.owner) as connection:
            connection.execute("TRUNCATE inbox")
        database = Database(self.url, self.service.model)
        await database.open()
        try:
            inbox = Inbox(group_of(self.service.name), "replay", database, self.service.reactions)
            heard = self.service.reactions.topics
            for batch in batches:
                await inbox.take([message for message in batch if message.topic in heard])
        finally:
            await database.close()

    async def digests(self) -> dict[str, str]:
        return await digests(self.owner, self.service.model)

    def count(self, table: str) -> int:
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
        with psycopg.connect(self.owner) as connection:
            row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    def jobs(self) -> Counter[str]:
        """How many jobs of each name wait."""
        with psycopg.connect(self.owner) as connection:
            rows = connection.execute("SELECT task_name FROM procrastinate_jobs").fetchall()
        return Counter(name for (name,) in rows)


@contextmanager
def copies(product: Product) -> Iterator[list[Copy]]:
    """Copies of all five databases of one moment; the services pause while they are made."""
    stack = product.stack
    admin = str((stack.state() or {})["admin_database"])
    urls = {name: (stack.database_url(name, "owner"), stack.database_url(name)) for name in SERVICES}
    names = {name: urlsplit(owner).path[1:] for name, (owner, _) in urls.items()}
    try:
        for name in SERVICES:
            stack.hold(name)
        with psycopg.connect(admin, autocommit=True) as connection:
            for name in names.values():
                wait_for(lambda name=name: not _connected(connection, name), what=f"{name} is left alone")  # type: ignore[misc]
                _create(connection, f"{name}_copy", name)
    finally:
        for name in SERVICES:
            stack.release(name)
        stack.wait_ready()
    try:
        yield [
            Copy(import_module(f"{name}.app").SERVICE, *(_copy_of(url, names[name]) for url in urls[name]))
            for name in SERVICES
        ]
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            for name in names.values():
                connection.execute(
                    sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(f"{name}_copy"))
                )


def _connected(connection: "psycopg.Connection[tuple[object, ...]]", database: str) -> bool:
    return bool(
        connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = %s LIMIT 1", (database,)
        ).fetchone()
    )


def _create(connection: "psycopg.Connection[tuple[object, ...]]", copy: str, original: str) -> None:
    connection.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(copy), sql.Identifier(original))
    )


def _copy_of(url: str, database: str) -> str:
    return url.replace(f"/{database}?", f"/{database}_copy?")
