"""The append function: one event, a hundred, many writers, and beside what people would use instead."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from common.database import Database
from common.ids import new_id
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb

from benchmarks.pairs import Figure, ratio
from benchmarks.parts import ACCOUNTS, MODEL, Parts
from tests.support import toy

SECONDS = 0.3
TURNS = 3
WRITERS = 16
BATCH = 100
COMMANDS_A_STREAM = 10
DATA = {"number": 1, "padding": ""}
COLUMNS = "account_id, stream, version, event_id, type, data, meta"
Connection = psycopg.AsyncConnection[Any]
Write = Callable[[Connection, UUID], Awaitable[object]]


async def one_writer(parts: Parts, pairs: int) -> list[Figure]:
    """The function against inserting and committing the same row barely."""
    return await _against_insert(parts, pairs, "append, 1 writer", 1, at_least=0.7)


async def many_writers(parts: Parts, pairs: int) -> list[Figure]:
    """The same by 16 writers, each with an account of its own."""
    return await _against_insert(parts, pairs, f"append, {WRITERS} writers", WRITERS, at_least=0.6)


async def one_account(parts: Parts, pairs: int) -> list[Figure]:
    """Commands of 16 writers on one stream of one account, against those of one writer; any failure ends it."""
    with parts.database() as urls:
        database = Database(urls.service, MODEL, pool_size=WRITERS)
        await database.open()
        try:
            return [
                await ratio(
                    f"append, {WRITERS} writers on one account",
                    lambda: _commands(database, WRITERS),
                    lambda: _commands(database, 1),
                    pairs,
                    at_least=1.0,
                    turns=TURNS,
                )
            ]
        finally:
            await database.close()


async def against_copy(parts: Parts, pairs: int) -> list[Figure]:
    """A hundred events in one call and commit, against COPY of the same rows in one commit."""
    with parts.database() as urls:
        return [
            await ratio(
                f"append, {BATCH} events",
                lambda: rate(urls.service, 1, _append_batch),
                lambda: rate(urls.service, 1, _copy_batch),
                pairs,
                at_least=0.55,
                turns=TURNS,
            )
        ]


async def against_recorder(parts: Parts, pairs: int) -> list[Figure]:
    """Against the PostgreSQL recorder of the `eventsourcing` library as it comes, with 16 threads."""
    with parts.database() as urls:
        at = conninfo_to_dict(urls.owner)
        with PostgresDatastore(
            str(at["dbname"]),
            str(at["host"]),
            at.get("port") or "5432",
            str(at["user"]),
            str(at["password"]),
            pool_size=WRITERS,
            max_waiting=WRITERS,
        ) as datastore:
            recorder = PostgresApplicationRecorder(datastore)
            recorder.create_table()
            return [
                await ratio(
                    f"append, {WRITERS} writers, against eventsourcing's recorder",
                    lambda: rate(urls.service, WRITERS, append_one),
                    lambda: asyncio.to_thread(_record, recorder),
                    pairs,
                    at_least=3.5,
                    turns=TURNS,
                )
            ]


async def _against_insert(
    parts: Parts, pairs: int, name: str, writers: int, *, at_least: float
) -> list[Figure]:
    with parts.database() as urls:
        return [
            await ratio(
                name,
                lambda: rate(urls.service, writers, append_one),
                lambda: rate(urls.service, writers, _insert),
                pairs,
                at_least=at_least,
                turns=TURNS,
            )
        ]


async def rate(url: str, writers: int, write: Write, *, pause: float = 0.0) -> float:
    """Writes a second of writers that each have a connection and an account, and pause so many seconds after each."""
    written = 0

    async def work(connection: Connection, account: UUID) -> None:
        nonlocal written
        while monotonic() < end:
            await write(connection, account)
            written += 1
            if pause:
                await asyncio.sleep(pause)

    async with connected(url, writers) as connections:
        began = monotonic()
        end = began + SECONDS
        await asyncio.gather(*(work(c, a) for c, a in zip(connections, ACCOUNTS, strict=False)))
        return written / (monotonic() - began)


@asynccontextmanager
async def connected(url: str, count: int) -> AsyncIterator[list[Connection]]:
    """So many connections in autocommit."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=0)
            )
            for _ in range(count)
        ]


async def append_one(connection: Connection, account: UUID) -> object:
    return await append(connection, account, f"counter-{new_id()}", 0, 1)


async def append(
    connection: Connection, account: UUID, stream: str, version: int, count: int, *, public: bool = False
) -> object:
    """So many events after `version` of the stream, as a transaction appends them."""
    events = [{"id": new_id(), "type": "Counted", "data": DATA, "public": public} for _ in range(count)]
    batch = {"account": account, "stream": stream, "version": version, "meta": {}, "events": events}
    text = msgspec.json.encode(batch).decode()
    cursor = await connection.execute("SELECT positions, at FROM append_events(%s::text::jsonb)", (text,))
    return await cursor.fetchone()


async def _append_batch(connection: Connection, account: UUID) -> object:
    return await append(connection, account, f"counter-{new_id()}", 0, BATCH)


async def _insert(connection: Connection, account: UUID) -> object:
    cursor = await connection.execute(
        f"INSERT INTO bare_events ({COLUMNS})"
        " VALUES (%s, %s, 1, %s, 'Counted', %s, %s) RETURNING position, recorded_at",
        (account, f"counter-{new_id()}", new_id(), Jsonb(DATA), Jsonb({})),
    )
    return await cursor.fetchone()


async def _copy_batch(connection: Connection, account: UUID) -> object:
    stream = f"counter-{new_id()}"
    data = msgspec.json.encode(DATA).decode()
    text = "".join(
        f"{account}\t{stream}\t{version}\t{new_id()}\tCounted\t{data}\t{{}}\n"
        for version in range(1, BATCH + 1)
    )
    async with connection.cursor().copy(f"COPY bare_events ({COLUMNS}) FROM STDIN") as copy:
        await copy.write(text)
    return None


async def _commands(database: Database, writers: int) -> float:
    """Commands a second on one stream at a time, which every ten commands is a new one. Nothing is retried."""
    done, counter = 0, new_id()

    async def work() -> None:
        nonlocal done, counter
        while monotonic() < end:
            async with database.transaction(ACCOUNTS[0]) as tx:
                await toy.count(tx, counter, toy.Count())
            done += 1
            if done % COMMANDS_A_STREAM == 0:
                counter = new_id()

    began = monotonic()
    end = began + SECONDS
    await asyncio.gather(*(work() for _ in range(writers)))
    return done / (monotonic() - began)


def _record(recorder: PostgresApplicationRecorder) -> float:
    state = msgspec.json.encode(DATA)

    def work(_number: int) -> int:
        written = 0
        while monotonic() < end:
            recorder.insert_events([StoredEvent(new_id(), 1, "Counted", state)])
            written += 1
        return written

    began = monotonic()
    end = began + SECONDS
    with ThreadPoolExecutor(WRITERS) as threads:
        return sum(threads.map(work, range(WRITERS))) / (monotonic() - began)
