"""The append rate of 16 writers while the relay says what they append, against their rate while it stands still.

The relay runs in a process of its own, as that of another replica of the service does: it takes cores, the database and
the broker from the writers, but not their event loop.
"""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import psycopg
from common.ids import new_id
from common.messaging.relay import Relay
from common.messaging.topics import ensure_topics

from benchmarks.append import WRITERS, Connection, append, rate
from benchmarks.pairs import Figure, ratio
from benchmarks.parts import MODEL, Parts
from tests.parts.ports import eventually
from tests.support.database import ServiceUrls

TURNS = 2


async def half(parts: Parts, pairs: int) -> list[Figure]:
    """At half load: after each append its writer pauses for as long as a saturated one would need for the next."""
    return await _beside_the_relay(parts, pairs, "half load", saturated=False, at_least=0.9)


async def saturated(parts: Parts, pairs: int) -> list[Figure]:
    """Without pauses: writers, database, broker and relay together want more than there is."""
    return await _beside_the_relay(parts, pairs, "saturated", saturated=True, at_least=0.75)


async def _beside_the_relay(
    parts: Parts, pairs: int, load: str, *, saturated: bool, at_least: float
) -> list[Figure]:
    await ensure_topics(parts.kafka.bootstrap, embedded=False)
    with parts.database() as urls:
        async with _relay(urls, parts.kafka.bootstrap) as relay:
            relay.stop()
            pause = 0.0 if saturated else WRITERS / await rate(urls.service, WRITERS, _append_public)

            async def without() -> float:
                return await rate(urls.service, WRITERS, _append_public, pause=pause)

            async def beside() -> float:
                relay.go_on()
                try:
                    return await without()
                finally:
                    await relay.catch_up()
                    relay.stop()

            return [
                await ratio(
                    f"append beside the relay, {load}",
                    beside,
                    without,
                    pairs,
                    at_least=at_least,
                    turns=TURNS,
                )
            ]


class _Relay:
    """A relay that can be stopped between two batches: then it holds nothing that a writer could wait for."""

    def __init__(self, urls: ServiceUrls, pid: int) -> None:
        self._urls = urls
        self._pid = pid

    def go_on(self) -> None:
        """What was appended without it is forgotten: it is not its work of this run."""
        with psycopg.connect(self._urls.owner, autocommit=True) as connection:
            connection.execute("DELETE FROM outbox")
            connection.execute("VACUUM outbox")
        os.kill(self._pid, signal.SIGCONT)

    async def catch_up(self) -> None:
        await eventually(self._nothing_waits, 60, what="the relay has said everything")

    def stop(self) -> None:
        os.kill(self._pid, signal.SIGSTOP)

    def _nothing_waits(self) -> bool:
        with psycopg.connect(self._urls.owner) as connection:
            return connection.execute("SELECT FROM outbox LIMIT 1").fetchone() is None


@asynccontextmanager
async def _relay(urls: ServiceUrls, kafka: str) -> AsyncIterator[_Relay]:
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(urls.relay, kafka), daemon=True)
    process.start()
    assert process.pid is not None
    try:
        async with await psycopg.AsyncConnection.connect(urls.service, autocommit=True) as connection:
            await _append_public(connection, new_id())
        relay = _Relay(urls, process.pid)
        await relay.catch_up()
        yield relay
    finally:
        process.kill()
        process.join()


def _run(url: str, kafka: str) -> None:
    asyncio.run(Relay(url, MODEL, kafka).run())


async def _append_public(connection: Connection, account: UUID) -> object:
    return await append(connection, account, f"counter-{new_id()}", 0, 1, public=True)
