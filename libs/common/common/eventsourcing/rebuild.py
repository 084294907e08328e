"""Rebuilding a projection from its facts, beside the live tables, while the service goes on writing.

The rebuilt tables stand in a schema of their own that comes first on the `search_path`, so the projection's own `apply`
writes them without knowing. At the end the live tables are corrected row by row: they stay the same tables, so their
grants, policies, indexes and sequences stay too, readers see the old rows until the commit, and where nothing was wrong
nothing is written. Needs the owner's role, which row-level security lets see all tenants.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from time import monotonic
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec
import psycopg
from psycopg import sql

from common.database import Gathering, Sql
from common.eventsourcing.event import Event, EventTypes, Meta, Recorded
from common.model import Projection, ServiceModel

T = TypeVar("T")
Connection = psycopg.AsyncConnection[Any]

PAGE_POSITIONS = 5_000
"""Positions read, decoded and applied in one transaction (FOUNDATION.md, Rebuilding)."""
STREAMED_ROWS = 200
"""Rows that come together: some 50 kB, so that one lot is decoded while the next is read."""
TAIL_POSITIONS = 1_000
"""What may be left to apply while writers wait: well below a second."""
PASSES = 8
"""Each pass leaves less than the one before as long as building outruns writing; where it does not, writers must wait."""
LOCK_ATTEMPTS = 5
"""A long writer lets our lock time out, a crossing one makes a deadlock: both pass."""
REBUILD_LOCK = 0x1697_8001

TEMPORARY = "pg_temp"
"""The schema of tables that are gone with their session."""
LIVE = "public"
SESSION = (
    "-c jit=off -c lock_timeout=10s -c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601"
    " -c extra_float_digits=1 -c bytea_output=hex"
)
"""Rows are compared as text: whatever shapes it is fixed here. A lock that does not come must not hold up writers."""

Progress = Callable[[int, int], None]
"""Hears how far a rebuild is: the position reached, the position to reach."""


class RebuildFailed(Exception):
    """One sentence; the live tables are as they were."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """What replacing changed in one live table, in rows."""

    table: str
    removed: int
    written: int


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A finished rebuild."""

    projection: str
    facts: int
    seconds: float
    tables: tuple[Corrected, ...]


async def rebuild(
    url: str, model: ServiceModel, projection: Projection, progress: Progress = lambda _reached, _last: None
) -> Rebuilt:
    """Build the projection anew and correct the live tables; writers wait only while the last facts are applied.

    `url` is the owner role's. Raises `RebuildFailed`, or psycopg's errors when the database is away.
    """
    began = monotonic()
    async with operator_connection(url) as connection:
        await _be_the_only_one(connection)
        beside = Beside(connection, model, projection, f"rebuild_{projection.name}")
        await beside.drop()
        try:
            await beside.create(unlogged=True)
            reached = facts = 0
            for _ in range(PASSES):
                settled = await _settled_position(connection)
                if settled - reached <= TAIL_POSITIONS:
                    break
                facts += await beside.build(reached, settled, progress)
                reached = settled

            async def swap() -> tuple[int, tuple[Corrected, ...]]:
                tail = await beside.build(reached, await last_position(connection), progress)
                return tail, await beside.replace_live()

            tail, tables = await _while_writers_wait(connection, swap)
        finally:
            if not connection.broken:
                await beside.drop()
    return Rebuilt(projection.name, facts + tail, monotonic() - began, tables)


class Beside:
    """The tables of one projection under construction, in a schema of their own.

    The facts come by `reading`, where that is given: by another connection, whose transaction sees those of one moment.
    """

    def __init__(
        self,
        connection: Connection,
        model: ServiceModel,
        projection: Projection,
        schema: str,
        reading: Connection | None = None,
    ) -> None:
        self.schema = schema
        self._reading = connection if reading is None else reading
        self.tables = tuple(table.name for table in projection.tables)
        self._connection = connection
        self._types = model.types
        self._projection = projection

    async def create(self, *, unlogged: bool = False) -> None:
        """Empty tables like the live ones. Unlogged: faster, for tables that are dropped again anyway."""
        async with self._connection.transaction():
            if self.schema != TEMPORARY:
                await self._connection.execute(
                    sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(self.schema))
                )
            for table in self.tables:
                await self._connection.execute(
                    sql.SQL("CREATE {} TABLE {} (LIKE {} INCLUDING ALL)").format(
                        sql.SQL("UNLOGGED" if unlogged else ""),
                        sql.Identifier(self.schema, table),
                        sql.Identifier(LIVE, table),
                    )
                )

    async def drop(self) -> None:
        await self._connection.execute(
            sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(self.schema))
        )

    async def build(self, reached: int, last: int, progress: Progress) -> int:
        """Apply the facts above position `reached` up to `last`, a page a transaction; returns how many there were.

        Raises `RebuildFailed`.
        """
        applied = 0
        while reached < last:
            page = min(reached + PAGE_POSITIONS, last)
            facts = await self._read(reached, page)
            try:
                async with self._connection.transaction(), self._connection.pipeline():
                    gathering = Gathering(self._connection)
                    await self._apply(facts, gathering)
                    await gathering.send()
            except (psycopg.Error, RebuildFailed):
                if self._connection.broken:
                    raise
                # A pipeline does not tell which statement failed; one call at a time does.
                async with self._connection.transaction():
                    await self._apply(facts, Sql(self._connection))
            reached, applied = page, applied + len(facts)
            progress(reached, last)
        return applied

    async def replace_live(self) -> tuple[Corrected, ...]:
        """Make the live tables equal to these; only rows that differ are touched."""
        return tuple([await self._correct(table) for table in self.tables])

    async def _read(self, after: int, last: int) -> list[Recorded[Event]]:
        # A window of positions, not a LIMIT: the filter on the category must not tempt the planner into sorting.
        query = (
            "SELECT position, account_id, stream, version, event_id, type, data::text, meta::text, recorded_at"
            " FROM public.events WHERE position > %s AND position <= %s"
            " AND split_part(stream, '-', 1) = ANY(%s) ORDER BY position"
        )
        window = (after, last, list(self._projection.categories))
        # Streamed: the database reads on while we decode.
        async with (
            self._reading.cursor(binary=True) as cursor,
            aclosing(cast("AsyncGenerator[Any]", cursor.stream(query, window, size=STREAMED_ROWS))) as rows,
        ):
            return [_recorded(row, self._types) async for row in rows]

    async def _apply(self, facts: Sequence[Recorded[Event]], tables: Sql) -> None:
        """As the service does it: every call has facts of one stream, under their account.

        One account after the other: between accounts there is no order, and each needs a statement of its own.
        """
        path = sql.SQL("SET LOCAL search_path TO {}")
        await tables.execute(
            path.format(sql.SQL(", ").join(map(sql.Identifier, (self.schema, LIVE)))).as_string()
        )
        account: UUID | None = None
        by_account = sorted(facts, key=lambda fact: fact.account_id.int)  # stable: positions stay in order
        for stream, run in groupby(by_account, key=attrgetter("stream")):
            recorded = list(run)
            try:
                if recorded[0].account_id != account:
                    account = recorded[0].account_id
                    await tables.execute(
                        "SELECT set_config('app.account_id', %(account)s, true)", {"account": str(account)}
                    )
                await self._projection.apply(tables, recorded)
            except psycopg.OperationalError:
                raise
            except Exception as error:
                raise RebuildFailed(
                    f"The projection {self._projection.name} failed on {stream}, versions {recorded[0].version} to"
                    f" {recorded[-1].version}: {type(error).__name__}: {error}"
                ) from error
        await tables.execute(path.format(sql.Identifier(LIVE)).as_string())

    async def _correct(self, table: str) -> Corrected:
        live, built = sql.Identifier(LIVE, table), sql.Identifier(self.schema, table)
        columns = await _columns(self._connection, table)
        same_key = sql.SQL(" AND ").join(
            sql.SQL("live.{0} = built.{0}").format(sql.Identifier(name)) for name in columns.key
        )
        removed = await self._connection.execute(
            sql.SQL(
                "DELETE FROM {live} AS live WHERE NOT EXISTS"
                " (SELECT FROM {built} AS built WHERE {same_key} AND (built.*)::text = (live.*)::text)"
            ).format(live=live, built=built, same_key=same_key)
        )
        written = await self._connection.execute(
            sql.SQL(
                "INSERT INTO {live} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {built} AS built"
                " WHERE NOT EXISTS (SELECT FROM {live} AS live WHERE {same_key})"
            ).format(
                live=live,
                built=built,
                same_key=same_key,
                columns=sql.SQL(", ").join(map(sql.Identifier, columns.stored)),
            )
        )
        for name in columns.identity:
            await self._connection.execute(
                sql.SQL(
                    "SELECT setval(sequence, greatest(max({column}), pg_sequence_last_value(sequence)))"
                    " FROM {live}, pg_get_serial_sequence(%s, %s) AS named, LATERAL (SELECT named::regclass) AS s (sequence)"
                    " GROUP BY sequence"
                ).format(column=sql.Identifier(name), live=live),
                (live.as_string(self._connection), name),
            )
        return Corrected(table, removed.rowcount, written.rowcount)


@asynccontextmanager
async def operator_connection(url: str) -> AsyncIterator[Connection]:
    """A connection of its own, in which every row reads the same wherever it is asked; autocommit."""
    async with await psycopg.AsyncConnection.connect(
        url, autocommit=True, options=SESSION, application_name="igny8-operator"
    ) as connection:
        yield connection


async def _be_the_only_one(connection: Connection) -> None:
    """The lock is the session's: a rebuild that dies leaves it free, and the next one drops its schema."""
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", (REBUILD_LOCK,))
    if await cursor.fetchone() != (True,):
        raise RebuildFailed("Another rebuild is running on this database; wait until it has finished.")


async def _settled_position(connection: Connection) -> int:
    """The last position below which nothing can appear any more.

    A lower position can commit after a higher one, so what was not there when a page was read may come later. An insert
    takes the table's lock before its position: whoever holds SHARE knows that every position given is decided.
    """

    async def last() -> int:
        return await last_position(connection)

    return await _while_writers_wait(connection, last)


async def last_position(connection: Connection) -> int:
    """The highest position this transaction sees; 0 in an empty store."""
    row = await (await connection.execute("SELECT coalesce(max(position), 0) FROM public.events")).fetchone()
    assert row is not None
    return int(row[0])


async def _while_writers_wait(connection: Connection, work: Callable[[], Awaitable[T]]) -> T:
    """Do `work` in a transaction that nobody appends beside; again from the start when the lock was not to be had."""
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        try:
            async with connection.transaction():
                await connection.execute("LOCK TABLE public.events IN SHARE MODE")
                return await work()
        except (psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable) as error:
            if attempt == LOCK_ATTEMPTS:
                raise RebuildFailed("Writers kept the store busy; try again when there are fewer.") from error
    raise AssertionError("unreachable")


@dataclass(frozen=True, slots=True)
class _Columns:
    stored: tuple[str, ...]
    key: tuple[str, ...]
    identity: tuple[str, ...]


async def _columns(connection: Connection, table: str) -> _Columns:
    """The columns that hold values of their own; raises `RebuildFailed` for a table without a primary key."""
    cursor = await connection.execute(
        "SELECT a.attname, a.attnum = ANY(coalesce(i.indkey::int2[], '{}')), a.attidentity <> ''"
        " FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary"
        " WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''"
        " ORDER BY a.attnum",
        (sql.Identifier(LIVE, table).as_string(connection),),
    )
    rows = await cursor.fetchall()
    key = tuple(name for name, is_key, _ in rows if is_key)
    if not key:
        raise RebuildFailed(f"The table {table} has no primary key, so its rows cannot be told apart.")
    return _Columns(
        tuple(name for name, _, _ in rows), key, tuple(name for name, _, identity in rows if identity)
    )


def _recorded(row: Sequence[Any], types: EventTypes) -> Recorded[Event]:
    position, account_id, stream, version, event_id, type_name, data, meta, recorded_at = row
    try:
        event = types.decode_json(type_name, data)
        return Recorded(position, account_id, stream, version, event_id, event, _meta(meta), recorded_at)
    except Exception as error:
        raise RebuildFailed(
            f"The fact {type_name} at position {position} ({stream}, version {version}) cannot be read: {error}"
        ) from error


@lru_cache(maxsize=64)
def _meta(text: str) -> Meta:
    """What one request or event caused lies together in the store and has one meta."""
    return _META.decode(text)


_META = msgspec.json.Decoder(Meta)
