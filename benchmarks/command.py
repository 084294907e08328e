"""A whole command (lock and load, decide, append, view, commit), against the same effect on bare tables, and a library's."""

import asyncio
from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg
from common.database import Database
from common.ids import new_id
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb

from benchmarks.pairs import Figure, ratio
from benchmarks.parts import ACCOUNTS, MODEL, Parts
from tests.support import toy

SECONDS = 0.2
TURNS = 3
COMMANDS_A_STREAM = 10
ACCOUNT = ACCOUNTS[0]


async def measure(parts: Parts, pairs: int) -> list[Figure]:
    with parts.database() as urls:
        database = Database(urls.service, MODEL)
        await database.open()
        async with await psycopg.AsyncConnection.connect(urls.service, prepare_threshold=0) as connection:
            try:
                return [
                    await ratio(
                        "command",
                        lambda: _ours(database),
                        lambda: _bare(connection),
                        pairs,
                        at_least=0.7,
                        turns=TURNS,
                    )
                ]
            finally:
                await database.close()


class Counter(Aggregate):
    """The toy's aggregate, as the library has it."""

    @event("Started")
    def __init__(self) -> None:
        self.number = 0

    @event("Counted")
    def count(self) -> None:
        self.number += 1


async def against_library(parts: Parts, pairs: int) -> list[Figure]:
    """Against an application of the `eventsourcing` library as it comes, which loads, decides and appends, without a view."""
    with parts.database() as urls:
        at = conninfo_to_dict(urls.owner)
        names = {"DBNAME": "dbname", "HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password"}
        database = Database(urls.service, MODEL)
        await database.open()
        library: Application[UUID] = Application(
            env={
                "PERSISTENCE_MODULE": "eventsourcing.postgres",
                **{f"POSTGRES_{name}": str(at.get(key) or "5432") for name, key in names.items()},
            }
        )
        try:
            return [
                await ratio(
                    "command, against eventsourcing's application",
                    lambda: _ours(database),
                    lambda: asyncio.to_thread(_library, library),
                    pairs,
                    at_least=1.0,
                    turns=TURNS,
                )
            ]
        finally:
            library.close()
            await database.close()


def _library(library: Application[UUID]) -> float:
    done, began = 0, monotonic()
    while monotonic() < began + SECONDS:
        if done % COMMANDS_A_STREAM == 0:
            counter = Counter()
        else:
            counter = library.repository.get(counter.id)
            counter.count()
        library.save(counter)
        done += 1
    return done / (monotonic() - began)


async def _ours(database: Database) -> float:
    done, began = 0, monotonic()
    while monotonic() < began + SECONDS:
        if done % COMMANDS_A_STREAM == 0:
            counter = new_id()
        await database.run(ACCOUNT, partial(toy.count, counter=counter, command=toy.Count()))
        done += 1
    return done / (monotonic() - began)


async def _bare(connection: psycopg.AsyncConnection[Any]) -> float:
    done, began = 0, monotonic()
    while monotonic() < began + SECONDS:
        if done % COMMANDS_A_STREAM == 0:
            counter = new_id()
        await _bare_command(connection, counter)
        done += 1
    return done / (monotonic() - began)


async def _bare_command(connection: psycopg.AsyncConnection[Any], counter: UUID) -> None:
    async with connection.transaction():
        cursor = await connection.execute(
            "SELECT number FROM bare_counters WHERE counter_id = %s FOR UPDATE", (counter,)
        )
        row = await cursor.fetchone()
        number = (row[0] if row else 0) + 1
        cursor = await connection.execute(
            "INSERT INTO bare_events (account_id, stream, version, event_id, type, data, meta)"
            " VALUES (%s, %s, %s, %s, 'Counted', %s, %s) RETURNING position, recorded_at",
            (
                ACCOUNT,
                f"counter-{counter}",
                number,
                new_id(),
                Jsonb({"number": number, "padding": ""}),
                Jsonb({}),
            ),
        )
        recorded = await cursor.fetchone()
        assert recorded is not None
        await connection.execute(
            "INSERT INTO bare_counters VALUES (%s, %s, %s, %s) ON CONFLICT (counter_id)"
            " DO UPDATE SET number = excluded.number, counted_at = excluded.counted_at",
            (ACCOUNT, counter, number, recorded[1]),
        )
