"""Whether the views are what the facts say: digests of live tables, and a rebuild that compares and changes nothing."""

from collections.abc import Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from psycopg import sql

from common.eventsourcing.rebuild import (
    LIVE,
    Beside,
    Connection,
    Progress,
    RebuildFailed,
    last_position,
    operator_connection,
)
from common.model import Projection, ServiceModel
from common.operate import OperatorError

SHOWN_ROWS = 5
"""Enough to see what went wrong; the digests say how much."""


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
    """Rebuild beside and compare, in one transaction that sees facts and views of one moment and is rolled back.

    No lock is taken that a writer could wait for. The snapshot is as old as the rebuild takes, so dead rows stay that
    long. `url` is the owner role's. Raises `RebuildFailed`.
    """
    async with operator_connection(url) as connection, _moment(connection):
        beside = Beside(connection, model, projection)
        await _refuse_leftover(connection, beside.schema)
        await beside.create()
        await beside.build(0, await last_position(connection), progress)
        tables = tuple([await _compare(connection, beside.schema, table) for table in beside.tables])
        return Verified(projection.name, beside.facts, tables)


async def digests(url: str, model: ServiceModel) -> dict[str, str]:
    """The digest of every view and replica table of a service, all of one moment. `url` is the owner role's."""
    tables = {table.name for projection in model.projections for table in projection.tables}
    tables |= {table.name for table in model.replicas}
    async with operator_connection(url) as connection, _moment(connection):
        return {table: (await _digest(connection, LIVE, table)).md5 for table in sorted(tables)}
