"""Two replicas of a service while their group is rebalanced again and again, a handler is slow, and one of them stands still.

The service is the toy of the tests as two real processes on PostgreSQL and a real Kafka with six partitions: what a service does
with events and jobs is in the kit that all share. Its clocks are as wrong as is wanted.
"""

import asyncio
import os
import random
import signal
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

import httpx
import psycopg
from aiokafka import AIOKafkaConsumer
from common.contracts import events_topic
from common.database import Database
from common.ids import new_id
from common.messaging.consumer import HEARTBEAT_MS, REBALANCE_MS, SESSION_MS, group_of
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from proving.outcome import Outcome, Proved, Say, at_least, none_of
from tests.integration.kit import toy_worker
from tests.parts.kafka import RealKafka
from tests.parts.ports import eventually, free_port
from tests.parts.process import Process
from tests.support import toy, toy_replica
from tests.support.database import ServiceUrls, postgres_server

GROUP, TOPIC = group_of("publisher"), events_topic("publisher")
TENANTS, COUNTERS = 20, 3
SLOW_SECONDS = 0.05
"""What each event of one tenant takes; its batches last seconds, and heartbeats go on."""
STANDSTILL_TARGET = 30.0
"""Seconds in which all replicas together may take nothing while something waits: two sessions and a slow batch, doubled."""
LONGEST_DRAIN = 180.0
REBALANCES_A_PAUSE = 25


@dataclass(frozen=True)
class Wanted:
    """How much of it; the pauses come at equal distances."""

    rebalances: int
    pauses: int


@dataclass
class Report:
    """What became of it. The findings are empty when all is well."""

    wanted: Wanted
    rebalances: int = 0
    pauses: int = 0
    said: int = 0
    """How many events there were to hear."""
    standstill: float = 0.0
    """The longest time in which nothing was heard although something waited."""
    findings: dict[str, list[str]] = field(default_factory=dict)
    workers: tuple[int, int] = (0, 0)
    """How many jobs each replica did."""

    def proved(self) -> Proved:
        still = round(self.standstill, 1)
        within = f"≤ {STANDSTILL_TARGET:.0f} s"
        outcomes = [
            at_least("rebalances forced", self.rebalances, self.wanted.rebalances),
            at_least("replicas paused for longer than a session", self.pauses, self.wanted.pauses),
            Outcome(
                "longest standstill of both replicas", still, 0, still, within, still <= STANDSTILL_TARGET
            ),
            *(none_of(name, found) for name, found in self.findings.items()),
        ]
        return Proved(
            outcomes, [f"{name}: {each}" for name, found in self.findings.items() for each in found]
        )


@dataclass
class Replica:
    """A running process of the toy."""

    process: Process
    port: int

    async def readyz(self) -> dict[str, Any]:
        """What its checks say; empty while it does not answer."""
        with suppress(httpx.HTTPError):
            async with httpx.AsyncClient(timeout=5) as client:
                answer = await client.get(f"http://127.0.0.1:{self.port}/readyz")
                checks: dict[str, Any] = answer.json()["checks"]
                return checks
        return {}


@contextmanager
def replicas(
    kafka: str, urls: ServiceUrls, folder: Path, jwks: str, environments: Sequence[Mapping[str, str]]
) -> Iterator[list[Replica]]:
    """As many as environments are given, on a fresh database of the publisher."""
    with psycopg.connect(urls.owner) as connection:
        for schema in (toy.SCHEMA, toy_worker.SCHEMA, toy_replica.SCHEMA, SLOW):
            connection.execute(schema.encode())
    started: list[Replica] = []
    try:
        for number, environment in enumerate(environments):
            port = free_port()
            own = {
                "IGNY8_SERVICE_DATABASE": urls.service,
                "IGNY8_RELAY_DATABASE": urls.relay,
                "IGNY8_SECRETS_DATABASE": urls.service,
                "IGNY8_KAFKA": kafka,
                "IGNY8_OBJECTS": (folder / "objects").as_uri(),
                "IGNY8_MASTER_KEY": "A" * 43 + "=",
                "IGNY8_JWKS": jwks,
                "IGNY8_LISTEN": f"127.0.0.1:{port}",
            }
            command = [sys.executable, "-m", "tests.support.toy_replica"]
            log = folder / f"replica-{number}.log"
            started.append(Replica(Process(command, log, environment={**own, **environment}), port))
        yield started
    finally:
        for replica in started:
            replica.process.kill()


async def shake(
    kafka: str, urls: ServiceUrls, running: Sequence[Replica], wanted: Wanted, say: Say
) -> Report:
    """Load, rebalances and pauses at once; then the load ends, everything arrives, and the database is judged."""
    report = Report(wanted)
    group = Group(kafka)
    await eventually(lambda: group.has(len(running)), 60, what="every replica is in the group")
    database = Database(urls.service, toy.MODEL)
    await database.open()
    try:
        async with _loaded(database), _watched(urls, report):
            first = await group.disturb()
            for turn in range(wanted.pauses or 1):
                while group.generation - first < wanted.rebalances * (turn + 1) // (wanted.pauses or 1):
                    await group.disturb()
                    report.rebalances = group.generation - first
                    say(min(1.0, report.rebalances / wanted.rebalances))
                if wanted.pauses:
                    await pause(running[turn % len(running)].process.pid, group, len(running))
                    report.pauses += 1
        async with _watched(urls, report):
            await eventually(lambda: not _waiting(urls), LONGEST_DRAIN, what="everything is heard and done")
    finally:
        await database.close()
    _judge(urls, report)
    return report


async def pause(pid: int, group: "Group", members: int) -> None:
    """Stop a process until its group has done without it, and let it find out."""
    os.kill(pid, signal.SIGSTOP)
    try:
        await eventually(lambda: group.has(members - 1), 60, what="the paused replica is thrown out")
    finally:
        os.kill(pid, signal.SIGCONT)
    await eventually(lambda: group.has(members), 60, what="the paused replica is back")


class Group:
    """A consumer group, from outside."""

    def __init__(self, kafka: str, name: str = GROUP, topic: str = TOPIC) -> None:
        self._kafka = kafka
        self._name = name
        self._topic = topic
        self._admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
        self.generation = 0

    async def has(self, members: int) -> bool:
        return await asyncio.to_thread(self._members) == members

    def _members(self) -> int:
        try:
            return len(
                self._admin.describe_consumer_groups([self._name])[self._name].result(timeout=10).members
            )
        except KafkaException:  # nobody has asked for its coordinator yet
            return 0
        except TimeoutError:  # no answer says nothing
            return -1

    async def disturb(self) -> int:
        """Join, which takes partitions from the others, and leave again: two rebalances. Returns the generation."""
        member = AIOKafkaConsumer(
            self._topic,
            bootstrap_servers=self._kafka,
            group_id=self._name,
            enable_auto_commit=False,
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            rebalance_timeout_ms=REBALANCE_MS,
        )
        await member.start()
        try:
            await eventually(member.assignment, 2 * REBALANCE_MS / 1000, what="the group has let it in")
            coordinator: Any = member._coordinator
            self.generation = coordinator.generation
        finally:
            await member.stop()
        return self.generation


@asynccontextmanager
async def _loaded(database: Database) -> Any:
    """Tenants whose streams grow until the end; the events of the first one are slow to handle."""
    tenants = {new_id(): [new_id() for _ in range(COUNTERS)] for _ in range(TENANTS)}
    slow = next(iter(tenants))
    async with database.transaction(None) as tx:
        await tx.execute("SELECT slow_down(%(account)s)", {"account": slow})

    async def write() -> None:
        while True:
            account, counters = random.choice(list(tenants.items()))
            more = partial(
                toy.count, counter=random.choice(counters), command=toy.Count(random.randint(2, 5))
            )
            await database.run(account, more)
            await asyncio.sleep(0.02)

    load = asyncio.create_task(write())
    try:
        yield
        if load.done():
            load.result()
    finally:
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)


@asynccontextmanager
async def _watched(urls: ServiceUrls, report: Report) -> Any:
    """Measures the longest time without anything heard, while something waits."""

    async def watch() -> None:
        before, since = -1, monotonic()
        while True:
            heard, waiting = await asyncio.to_thread(_progress, urls)
            if heard != before or not waiting:
                before, since = heard, monotonic()
            report.standstill = max(report.standstill, monotonic() - since)
            await asyncio.sleep(0.2)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


_SAID = "FROM events WHERE (data->>'number')::int % 2 = 0"


def _progress(urls: ServiceUrls) -> tuple[int, int]:
    """How much was heard, and how much waits to be."""
    ((said, heard),) = _rows(urls, f"SELECT (SELECT count(*) {_SAID}), (SELECT count(*) FROM toy_heard)")
    return heard, said - heard


def _waiting(urls: ServiceUrls) -> bool:
    ((jobs,),) = _rows(urls, "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')")
    return _progress(urls)[1] > 0 or jobs > 0


def _rows(urls: ServiceUrls, query: str) -> list[Any]:
    with psycopg.connect(urls.owner) as connection:
        return connection.execute(query.encode()).fetchall()


def _judge(urls: ServiceUrls, report: Report) -> None:
    said: dict[UUID, list[UUID]] = defaultdict(list)
    heard: dict[UUID, list[UUID]] = defaultdict(list)
    for account, event in _rows(urls, f"SELECT account_id, event_id {_SAID} ORDER BY position"):
        said[account].append(event)
    for account, event in _rows(urls, "SELECT account_id, event_id FROM toy_heard ORDER BY position"):
        heard[account].append(event)
    done: dict[int, set[UUID]] = defaultdict(set)
    for event, worker in _rows(urls, "SELECT event_id, worker FROM toy_done"):
        done[worker].add(event)
    every = [event for events in said.values() for event in events]
    times = Counter(event for events in heard.values() for event in events)
    report.said = len(every)
    report.workers = tuple(sorted(len(events) for events in done.values()))  # type: ignore[assignment]
    report.findings = {
        "events lost": [str(event) for event in every if not times[event]],
        "events heard twice": [str(event) for event, count in times.items() if count > 1],
        "tenants that heard out of order": [
            str(account)
            for account, events in said.items()
            if list(dict.fromkeys(heard[account])) != [event for event in events if times[event]]
        ],
        "jobs lost": [str(event) for event in every if not any(event in one for one in done.values())],
        "events parked": [str(row[0]) for row in _rows(urls, "SELECT event_id FROM dead_letters")],
    }


SLOW = f"""
CREATE TABLE toy_slow (account_id uuid PRIMARY KEY);
CREATE FUNCTION slow_down(account uuid) RETURNS void LANGUAGE sql SECURITY DEFINER AS
    $$ INSERT INTO toy_slow VALUES (account) $$;
CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        IF EXISTS (SELECT FROM toy_slow WHERE account_id = new.account_id) THEN PERFORM pg_sleep({SLOW_SECONDS}); END IF;
        RETURN new;
    END $$;
CREATE TRIGGER be_slow BEFORE INSERT ON toy_heard FOR EACH ROW EXECUTE FUNCTION be_slow();
"""


async def prove(size: int, seed: int, say: Say) -> Proved:
    """The same with parts of its own; `size` counts rebalances."""
    random.seed(seed)
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="igny8-prove-")))
        kafka = parts.enter_context(RealKafka())
        urls = parts.enter_context(parts.enter_context(postgres_server()).service_database("publisher"))
        running = parts.enter_context(replicas(kafka.bootstrap, urls, folder, "", ({}, {})))
        wanted = Wanted(size, max(1, size // REBALANCES_A_PAUSE))
        return (await shake(kafka.bootstrap, urls, running, wanted, say)).proved()
