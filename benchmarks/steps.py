"""Durable steps (event, job, effect, next event) on the kit, against Celery with Redis that writes the same rows."""

import asyncio
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import time
from typing import Any
from uuid import uuid4

import psycopg
from common.database import Database

from benchmarks.pairs import Figure, ratio
from benchmarks.parts import Parts
from tests.parts.ports import eventually
from tests.parts.process import Process
from tests.parts.redis import RealRedis
from tests.support.database import ServiceUrls
from tests.support.steps import ACCOUNTS, SCHEMA, kit, peer

CHAINS, STEPS = 100, 5
TURNS = 2
DEADLINE = 120.0
CORES = os.cpu_count() or 1
"""Celery's own default for its worker processes."""


async def measure(parts: Parts, pairs: int) -> list[Figure]:
    """Against Celery that loses nothing it has acknowledged, and for information as people run it."""
    with parts.database() as urls, ExitStack() as running:
        with psycopg.connect(urls.owner) as connection:
            connection.execute(SCHEMA)
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="igny8-steps-")))
        durable = _celery(running, urls, folder, late=True)
        usual = _celery(running, urls, folder, late=False)
        _start(running, "kit", [urls.service, urls.relay, parts.kafka.bootstrap, str(STEPS)], folder)
        database = Database(urls.service, kit.MODEL)
        await database.open()
        try:
            async with await psycopg.AsyncConnection.connect(urls.owner, autocommit=True) as connection:
                return [
                    await ratio(
                        "steps / Celery, acks_late, appendfsync always",
                        lambda: _ours(database, connection),
                        lambda: _theirs(durable, connection),
                        pairs,
                        at_least=1.0,
                        turns=TURNS,
                    ),
                    await ratio(
                        "steps / Celery as people run it",
                        lambda: _ours(database, connection),
                        lambda: _theirs(usual, connection),
                        pairs,
                        turns=TURNS,
                    ),
                ]
        finally:
            await database.close()


def _start(running: ExitStack, name: str, arguments: list[str], folder: Path, **environment: str) -> None:
    module = f"tests.support.steps.{name}" if name == "kit" else name
    process = Process(
        [sys.executable, "-m", module, *arguments], folder / f"{name}.log", environment=environment
    )
    running.callback(process.kill)


def _celery(running: ExitStack, urls: ServiceUrls, folder: Path, *, late: bool) -> Any:
    redis = running.enter_context(RealRedis(durable=late))
    environment = {
        peer.DATABASE: urls.owner,
        peer.REDIS: redis.url,
        peer.LATE: "1" if late else "0",
    }
    arguments = ["-A", "tests.support.steps.peer", "worker", "--concurrency", str(CORES), "-l", "WARNING"]
    _start(running, "celery", arguments, folder, **environment)
    return peer.make_app(redis.url, visibility_seconds=3600, late=late)


async def _ours(database: Database, connection: psycopg.AsyncConnection[Any]) -> float:
    await connection.execute("TRUNCATE step_effects")
    began = time()
    for number in range(CHAINS):
        await kit.begin(database, ACCOUNTS[number % len(ACCOUNTS)], uuid4())
    return await _rate(connection, "step_effects", began)


async def _theirs(app: Any, connection: psycopg.AsyncConnection[Any]) -> float:
    await connection.execute("TRUNCATE bare_step_effects")
    began = time()
    await asyncio.to_thread(_send, app)
    return await _rate(connection, "bare_step_effects", began)


def _send(app: Any) -> None:
    with app.connection_for_write() as connection:
        producer = app.amqp.Producer(connection)
        for number in range(CHAINS):
            account = ACCOUNTS[number % len(ACCOUNTS)]
            app.send_task("steps.step", (str(account), str(uuid4()), 0, STEPS), producer=producer)


async def _rate(connection: psycopg.AsyncConnection[Any], table: str, began: float) -> float:
    """Steps a second from `began` (seconds since the epoch) to the last one's effect."""
    query = f"SELECT count(*), extract(epoch FROM max(at)) FROM {table}".encode()

    async def ended() -> float:
        row = await (await connection.execute(query)).fetchone()
        assert row is not None
        return float(row[1]) if row[0] >= CHAINS * STEPS else 0.0

    return CHAINS * STEPS / (await eventually(ended, DEADLINE, what=f"all steps in {table}") - began)
