"""Whether the views are what the facts say: digests of live tables, and a rebuild that compares and changes nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from psycopg import sql

from common.eventsourcing.rebuild import (
    LIVE,
    TEMPORARY,
    Beside,
    Connection,
    Progress,
    last_position,
    operator_connection,
)
from common.model import Projection, ServiceModel
from common.operate import OperatorError

SHOWN_ROWS = 5
"""Enough to see what went wrong; the digests say how much."""
_ROWS = sql.SQL("SELECT (compared.*)::text AS row_text, to_jsonb(compared.*) AS row_json FROM {} AS compared")


@dataclass(frozen=True, slots=True)
class Digest:
    """How many rows a table has, and the MD5 of their MD5s in order (32 hexadecimal digits)."""

    rows: int
    md5: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A live table beside the rebuilt one; the rows are the first that only one of the two has, as JSON objects."""

    table: str
    live: Digest
    rebuilt: Digest
    only_live: tuple[dict[str, Any], ...]
    only_rebuilt: tuple[dict[str, Any], ...]

    @property
    def equal(self) -> bool:
        return self.live == self.rebuilt

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "equal": self.equal}


@dataclass(frozen=True, slots=True)
class Verified:
    """The outcome of a verification."""

    projection: str
    facts: int
    tables: tuple[Compared, ...]

    @property
    def equal(self) -> bool:
        return all(table.equal for table in self.tables)


def chosen(model: ServiceModel, name: str | None) -> tuple[Projection, ...]:
    """The projection of this name, or all; raises `OperatorError` for an unknown one."""
    found = tuple(p for p in model.projections if name in (None, p.name))
    if name is not None and not found:
        known = ", ".join(p.name for p in model.projections) or "none"
        raise OperatorError(f"{model.name} has no projection {name!r}; it has {known}.")
    return found


async def verify(
    url: str, model: ServiceModel, projection: Projection, progress: Progress = lambda _reached, _last: None
) -> Verified:
    """Rebuild beside and compare: one connection sees facts and views of one moment, another builds, page after page.

    In one transaction the rows that a page replaces would stay, each in the way of the next. No lock is taken that a
    writer could wait for. The moment's snapshot is as old as the rebuild takes, so dead rows of live tables stay that long.
    `url` is the owner role's. Raises `RebuildFailed`.
    """
    async with (
        operator_connection(url) as seeing,
        _moment(seeing),
        operator_connection(url) as building,
    ):
        beside = Beside(building, model, projection, TEMPORARY, seeing)
        await beside.create()
        facts = await beside.build(0, await last_position(seeing), progress)
        tables = tuple([await _compare(seeing, building, table) for table in beside.tables])
        return Verified(projection.name, facts, tables)


async def digests(url: str, model: ServiceModel) -> dict[str, str]:
    """The digest of every view and replica table of a service, all of one moment. `url` is the owner role's."""
    tables = {table.name for projection in model.projections for table in projection.tables}
    tables |= {table.name for table in model.replicas}
    async with operator_connection(url) as connection, _moment(connection):
        return {table: (await _digest(connection, LIVE, table)).md5 for table in sorted(tables)}


@asynccontextmanager
async def _moment(connection: Connection) -> AsyncIterator[None]:
    """A transaction in which all that is read is of one moment; nothing of it stays."""
    await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
    async with connection.transaction(force_rollback=True):
        yield


async def _compare(seeing: Connection, building: Connection, table: str) -> Compared:
    live, rebuilt = await _digest(seeing, LIVE, table), await _digest(building, TEMPORARY, table)
    if live == rebuilt:
        return Compared(table, live, rebuilt, (), ())
    seen, built = f"seen_{table}", f"built_{table}"
    rows = _ROWS.format(sql.Identifier(TEMPORARY, table))
    await building.execute(sql.SQL("CREATE TABLE {} AS {}").format(sql.Identifier(TEMPORARY, built), rows))
    await _bring(seeing, building, table, seen)
    return Compared(
        table, live, rebuilt, await _only_in(building, seen, built), await _only_in(building, built, seen)
    )


async def _bring(seeing: Connection, building: Connection, table: str, to: str) -> None:
    """Copy the live rows to where the rebuilt ones are: only one connection sees each."""
    there = sql.Identifier(TEMPORARY, to)
    await building.execute(sql.SQL("CREATE TABLE {} (row_text text, row_json jsonb)").format(there))
    rows = _ROWS.format(sql.Identifier(LIVE, table))
    async with (
        seeing.cursor() as source,
        source.copy(sql.SQL("COPY ({}) TO STDOUT").format(rows)) as coming,
        building.cursor() as target,
        target.copy(sql.SQL("COPY {} FROM STDIN").format(there)) as going,
    ):
        async for data in coming:
            await going.write(data)


async def _digest(connection: Connection, schema: str, table: str) -> Digest:
    # A uuid is an MD5 in 16 bytes: it sorts faster than text, and alike under every collation.
    cursor = await connection.execute(
        sql.SQL(
            "SELECT count(*), md5(coalesce(string_agg(row_md5::text, '' ORDER BY row_md5), ''))"
            " FROM (SELECT md5((compared.*)::text)::uuid AS row_md5 FROM {} AS compared) AS rows"
        ).format(sql.Identifier(schema, table))
    )
    row = await cursor.fetchone()
    assert row is not None
    return Digest(*row)


async def _only_in(building: Connection, here: str, there: str) -> tuple[dict[str, Any], ...]:
    cursor = await building.execute(
        sql.SQL(
            "SELECT row_json FROM (SELECT row_text, row_json FROM {} EXCEPT ALL SELECT row_text, row_json FROM {}) AS differing"
            " ORDER BY row_text LIMIT {}"
        ).format(sql.Identifier(TEMPORARY, here), sql.Identifier(TEMPORARY, there), sql.Literal(SHOWN_ROWS))
    )
    return tuple([row for (row,) in await cursor.fetchall()])
