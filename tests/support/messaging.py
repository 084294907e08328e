"""A speaking and a listening service, reduced to their messaging, on real databases and a real broker."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from common.contracts.base import CONTROL_TOPIC
from common.database import Database
from common.messaging.catch_up import CatchUpSource, ask
from common.messaging.consumer import Consumer
from common.messaging.dead_letters import Retrier
from common.messaging.direct import DirectProducer
from common.messaging.inbox import Inbox
from common.messaging.reactions import Reactions
from common.messaging.relay import Relay
from common.messaging.topics import ensure_topics, incarnation_of
from common.supervision import Loop

from tests.parts.kafka import RealKafka
from tests.parts.ports import wait_for
from tests.parts.process import Process
from tests.support import toy
from tests.support.database import ServiceUrls


@dataclass
class Broker:
    """Where a broker is, and which life of it; `incarnation` is empty for a real Kafka."""

    bootstrap: str
    incarnation: str

    @property
    def embedded(self) -> bool:
        return bool(self.incarnation)


@contextmanager
def embedded_broker() -> Iterator[Broker]:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "broker"
        process = Process(
            [sys.executable, "-m", "igny8_local.broker", "--file", str(file)], Path(directory) / "log"
        )
        try:
            wait_for(
                lambda: file.exists() and bool(file.read_text().strip()),
                what="the embedded broker starts",
            )
            yield Broker(file.read_text().strip(), f"test-{process.pid}")
        finally:
            process.kill()


@contextmanager
def real_broker(*, retention_ms: int | None = None, segment_bytes: int | None = None) -> Iterator[Broker]:
    with RealKafka(retention_ms=retention_ms, segment_bytes=segment_bytes) as kafka:
        yield Broker(kafka.bootstrap, "")


@dataclass
class Side:
    """One service's messaging: start and stop its loops at will."""

    name: str
    urls: ServiceUrls
    broker: Broker
    reactions: Reactions = field(default_factory=Reactions)
    database: Database = field(init=False)
    loops: dict[str, Loop] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.database = Database(self.urls.service, toy.MODEL)

    def start(self, *names: str) -> None:
        for name in names:
            self.loops[name] = Loop(name, getattr(self, f"_{name}"))
            self.loops[name].start()

    async def stop(self, *names: str) -> None:
        await asyncio.gather(*(self.loops.pop(name).stop() for name in names or tuple(self.loops)))

    async def _relay(self, loop: Loop) -> None:
        await ensure_topics(self.broker.bootstrap, embedded=self.broker.embedded)
        relay = Relay(self.urls.relay, toy.MODEL, self.broker.bootstrap, loop.beat)
        self.database.committed[:] = [relay.wake]
        await relay.run()

    async def _consumer(self, loop: Loop) -> None:
        await ensure_topics(self.broker.bootstrap, embedded=self.broker.embedded)
        inbox = Inbox(
            self.name,
            await incarnation_of(self.broker.bootstrap, self.broker.incarnation),
            self.database,
            self.reactions,
        )
        await inbox.begin()
        consumer = Consumer(
            self.broker.bootstrap,
            self.name,
            self.reactions.topics,
            embedded=self.broker.embedded,
            take=inbox.take,
            inbox=inbox,
        )
        await consumer.run(loop.beat)

    async def _dead_letters(self, loop: Loop) -> None:
        await Retrier(self.name, self.database, self.reactions).run(loop.beat)

    async def _asks(self, loop: Loop) -> None:
        producer = DirectProducer(self.broker.bootstrap, "planner")
        try:
            await ask(self.database, producer, loop.beat)
        finally:
            await producer.close()

    async def _control(self, loop: Loop) -> None:
        consumer = Consumer(
            self.broker.bootstrap,
            f"{self.name}.control",
            [CONTROL_TOPIC],
            embedded=self.broker.embedded,
            take=self._catch_up_source().take,
        )
        await consumer.run(loop.beat)

    async def _source(self, loop: Loop) -> None:
        await self._catch_up_source().run(loop.beat)

    def _catch_up_source(self) -> CatchUpSource:
        def wake() -> None:
            for call in self.database.committed:
                call()

        return CatchUpSource("publisher", self.database, self.broker.bootstrap, wake)

    def heard(self) -> list[tuple[str, int]]:
        """Subject and version of everything heard, in the order it was handled."""
        with psycopg.connect(self.urls.owner) as connection:
            return connection.execute("SELECT subject, version FROM toy_heard ORDER BY position").fetchall()

    def said(self) -> list[tuple[str, int]]:
        """Subject and version of every public fact."""
        with psycopg.connect(self.urls.owner) as connection:
            return connection.execute(
                "SELECT stream, version FROM events WHERE (data->>'number')::int % 2 = 0 ORDER BY stream, version"
            ).fetchall()

    def scalar(self, query: str) -> object:
        with psycopg.connect(self.urls.owner) as connection:
            row = connection.execute(query).fetchone()
        return row[0] if row else None


@asynccontextmanager
async def two_sides(
    speaker: ServiceUrls, listener: ServiceUrls, broker: Broker, reactions: Reactions | None = None
) -> AsyncIterator[tuple[Side, Side]]:
    """The speaker and the listener with open databases; no loop runs yet."""
    for urls in (speaker, listener):
        with psycopg.connect(urls.owner) as connection:
            connection.execute(toy.SCHEMA)
    sides = (
        Side("igny8.publisher", speaker, broker),
        Side("igny8.planner", listener, broker, toy.listener() if reactions is None else reactions),
    )
    for side in sides:
        await side.database.open()
    try:
        yield sides
    finally:
        for side in sides:
            await side.stop()
            await side.database.close()
