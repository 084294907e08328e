"""`prove --only celery`: chains of durable steps on the kit, and beside it on Celery, each under the same kills.

A step is an event, a job, its effect as a row in PostgreSQL, and the next event. Workers are killed with all their
processes, brokers too, by SIGKILL, and started again at once; when, and which, is drawn by the seed. What is counted are the
rows: steps that are missing when nothing has happened for `QUIET_SECONDS`, and steps that were done more than once.
"""

import asyncio
import os
import random
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Literal
from uuid import UUID, uuid4

import psycopg
from common.database import Database

from proving.outcome import Outcome, Proved, Say
from tests.parts.kafka import RealKafka
from tests.parts.ports import INTERVAL
from tests.parts.process import Process
from tests.parts.redis import RealRedis
from tests.support.database import PostgresServer, ServiceUrls, postgres_server
from tests.support.steps import ACCOUNTS, SCHEMA, kit, peer

STEPS = 10
CHAINS_PER_KILL = 25
"""So that a kill hits work that is under way and is long over when the next one comes."""
SHARE_OF_BROKERS = 0.3
QUIET_SECONDS = 30.0
"""Longer than any pause of ours, and than the shorter of Celery's time-outs."""
SETTLED_SECONDS = 15.0
"""How long what was done may be done again after all is done: longer than the shorter time-out."""
PATIENCE_SECONDS = 20.0
"""Waiting for progress that does not come any more, a fault is struck anyway."""
CELERYS_DEFAULT, SHORTER = 3_600, 10
"""Seconds after which Redis hands out again what no worker has acknowledged (`visibility_timeout`)."""

Victim = Literal["worker", "broker"]


@dataclass
class Contender:
    """A broker and a worker; `begin` starts chains, whose effects are rows of `table`."""

    name: str
    table: str
    broker: RealKafka | RealRedis
    start_worker: Callable[[], Process]
    begin: Callable[[Sequence[UUID]], Awaitable[None]]
    worker: Process | None = None

    def start(self) -> None:
        self.broker.start()
        self.worker = self.start_worker()

    def stop(self) -> None:
        if self.worker is not None:
            self.worker.kill()
        self.broker.stop()

    def keep_running(self) -> None:
        """Start a worker that ended by itself again, as whatever supervises it would."""
        if self.worker is not None and not self.worker.running:
            self.worker.kill()
            self.worker = self.start_worker()

    def strike(self, victim: Victim) -> None:
        """SIGKILL, and start again."""
        if victim == "broker":
            self.broker.kill()
            self.broker.start()
        else:
            assert self.worker is not None
            self.worker.kill()
            self.worker = self.start_worker()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a contender's chains ended; a chain is broken when one of its steps is missing."""

    name: str
    steps: int
    missing: int
    doubled: int
    broken: int
    seconds: float

    def outcomes(self, *, judged: bool) -> list[Outcome]:
        return [
            Outcome(
                *(f"{self.name}: {what}", count, 0, self.steps),
                "0" if judged else "for comparison",
                not (judged and count),
            )
            for what, count in (
                ("steps missing", self.missing),
                ("steps done again", self.doubled),
                ("chains broken", self.broken),
            )
        ]


@dataclass
class Plan:
    """Faults in their order, each when that part of all steps is done."""

    seed: int
    kills: int
    chains: int = 0
    steps: int = STEPS
    settled_seconds: float = SETTLED_SECONDS
    faults: list[tuple[float, Victim]] = field(default_factory=list)

    def __post_init__(self) -> None:
        dice = random.Random(self.seed)
        self.chains = self.chains or CHAINS_PER_KILL * self.kills
        when = sorted(dice.uniform(0.05, 0.8) for _ in range(self.kills))
        self.faults = [(at, "broker" if dice.random() < SHARE_OF_BROKERS else "worker") for at in when]


async def prove(kills: int, seed: int, say: Say) -> Proved:
    """So many kills of each contender."""
    plan, ended = Plan(seed, kills), list[Ended]()
    contenders = (ours, celery(CELERYS_DEFAULT), celery(SHORTER))
    with postgres_server() as postgres:
        for number, make in enumerate(contenders):
            ended.append(
                await fight(postgres, make, plan, lambda done, n=number: say((n + done) / len(contenders)))  # type: ignore[misc]
            )
    mine, *theirs = ended
    outcomes = mine.outcomes(judged=True)
    for each in theirs:
        outcomes += each.outcomes(judged=False)
    return Proved(outcomes, [])


Make = Callable[[ServiceUrls, Path, Plan], Contender]
Done = Callable[[], Awaitable[int]]
"""How many different steps are done."""


async def fight(postgres: PostgresServer, make: Make, plan: Plan, say: Say = lambda done: None) -> Ended:
    """Begin all chains, strike as planned, wait until nothing happens any more, and count."""
    began = monotonic()
    async with AsyncExitStack() as running:
        urls = running.enter_context(postgres.service_database("publisher"))
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="igny8-steps-")))
        connection = await running.enter_async_context(
            await psycopg.AsyncConnection.connect(urls.owner, autocommit=True)
        )
        await connection.execute(SCHEMA)
        contender = make(urls, folder, plan)
        running.callback(contender.stop)
        contender.start()
        total = plan.chains * plan.steps
        chains = [uuid4() for _ in range(plan.chains)]
        await contender.begin(chains)

        async def done() -> int:
            query = f"SELECT count(DISTINCT (chain_id, step)) FROM {contender.table}".encode()
            row = await (await connection.execute(query)).fetchone()
            assert row is not None
            say(row[0] / total)
            contender.keep_running()
            return int(row[0])

        for at, victim in plan.faults:
            await _progress(done, at * total)
            contender.strike(victim)
        await _quiet(done, total, plan.settled_seconds)
        cursor = await connection.execute(
            f"SELECT chain_id, count(*), count(DISTINCT step) FROM {contender.table} GROUP BY 1".encode()
        )
        rows = await cursor.fetchall()
    return Ended(
        contender.name,
        total,
        missing=total - sum(distinct for _, _, distinct in rows),
        doubled=sum(count - distinct for _, count, distinct in rows),
        broken=plan.chains - sum(distinct == plan.steps for _, _, distinct in rows),
        seconds=monotonic() - began,
    )


async def _progress(done: Done, wanted: float) -> None:
    """Return when so many steps are done, or when it does not go on."""
    last, since = -1, monotonic()
    while (now := await done()) < wanted and monotonic() - since < PATIENCE_SECONDS:
        if now != last:
            last, since = now, monotonic()
        await asyncio.sleep(INTERVAL)


async def _quiet(done: Done, total: int, settled_seconds: float) -> None:
    """Return when all is done and nothing was done again for a while, or when nothing happens any more."""
    last, since = -1, monotonic()
    while monotonic() - since < (settled_seconds if last == total else QUIET_SECONDS):
        now = await done()
        if now != last:
            last, since = now, monotonic()
        await asyncio.sleep(INTERVAL)


def ours(urls: ServiceUrls, folder: Path, plan: Plan) -> Contender:
    """A service of the kit on Kafka."""
    kafka = RealKafka()

    def start_worker() -> Process:
        arguments = [urls.service, urls.relay, kafka.bootstrap, str(plan.steps)]
        return Process([sys.executable, "-m", "tests.support.steps.kit", *arguments], folder / "log")

    async def begin(chains: Sequence[UUID]) -> None:
        database = Database(urls.service, kit.MODEL)
        await database.open()
        try:
            for number, chain in enumerate(chains):
                await kit.begin(database, ACCOUNTS[number % len(ACCOUNTS)], chain)
        finally:
            await database.close()

    return Contender("ours", "step_effects", kafka, start_worker, begin)


def celery(visibility_seconds: int) -> Make:
    """Celery with `acks_late`, `task_reject_on_worker_lost`, a prefetch of one, and a Redis that syncs each command."""

    def make(urls: ServiceUrls, folder: Path, plan: Plan) -> Contender:
        redis = RealRedis()
        environment = {
            peer.DATABASE: urls.owner,
            peer.REDIS: redis.url,
            peer.VISIBILITY: str(visibility_seconds),
        }
        cores = str(os.cpu_count() or 1)
        command = [sys.executable, "-m", "celery", "-A", "tests.support.steps.peer", "worker"]

        def start_worker() -> Process:
            arguments = ["--concurrency", cores, "--loglevel", "WARNING"]
            return Process([*command, *arguments], folder / "log", environment=environment)

        async def begin(chains: Sequence[UUID]) -> None:
            app = peer.make_app(redis.url, visibility_seconds=visibility_seconds, late=True)
            for number, chain in enumerate(chains):
                account = ACCOUNTS[number % len(ACCOUNTS)]
                app.send_task("steps.step", (str(account), str(chain), 0, plan.steps))

        name = f"Celery, visibility time-out {visibility_seconds:,} s"
        return Contender(name, "bare_step_effects", redis, start_worker, begin)

    return make
