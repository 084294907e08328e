"""One event by the append function, against inserting and committing the same row barely."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from common.ids import new_id
from psycopg.types.json import Jsonb

from benchmarks.pairs import Figure, ratio
from benchmarks.parts import ACCOUNTS, Parts

SECONDS = 0.7
DATA = {"number": 1, "padding": ""}
Writer = Callable[[psycopg.AsyncConnection[Any], UUID], Awaitable[object]]


async def measure(parts: Parts, pairs: int) -> list[Figure]:
    with parts.database() as urls:
        return [
            await ratio(
                f"append, {writers} writer{'s' * (writers > 1)}",
                lambda writers=writers: _rate(urls.service, writers, _append),  # type: ignore[misc]
                lambda writers=writers: _rate(urls.service, writers, _insert),  # type: ignore[misc]
                pairs,
                at_least=at_least,
            )
            for writers, at_least in ((1, 0.7), (16, 0.6))
        ]


async def _rate(url: str, writers: int, write: Writer) -> float:
    connections = [
        await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=0)
        for _ in range(writers)
    ]
    written = 0

    async def work(connection: psycopg.AsyncConnection[Any], account: UUID) -> None:
        nonlocal written
        while monotonic() < end:
            await write(connection, account)
            written += 1

    began = monotonic()
    end = began + SECONDS
    try:
        await asyncio.gather(*(work(c, a) for c, a in zip(connections, ACCOUNTS, strict=False)))
        return written / (monotonic() - began)
    finally:
        for connection in connections:
            await connection.close()


async def _append(connection: psycopg.AsyncConnection[Any], account: UUID) -> object:
    event = {"id": new_id(), "type": "Counted", "data": DATA, "public": False}
    stream = f"counter-{new_id()}"
    batch = {"account": account, "stream": stream, "version": 0, "meta": {}, "events": [event]}
    text = msgspec.json.encode(batch).decode()
    cursor = await connection.execute("SELECT positions, at FROM append_events(%s::text::jsonb)", (text,))
    return await cursor.fetchone()


async def _insert(connection: psycopg.AsyncConnection[Any], account: UUID) -> object:
    cursor = await connection.execute(
        "INSERT INTO bare_events (account_id, stream, version, event_id, type, data, meta)"
        " VALUES (%s, %s, 1, %s, 'Counted', %s, %s) RETURNING position, recorded_at",
        (account, f"counter-{new_id()}", new_id(), Jsonb(DATA), Jsonb({})),
    )
    return await cursor.fetchone()
