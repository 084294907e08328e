"""Tables of views and replicas: the columns that most have, and rows written so that what is applied twice changes nothing."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID as PgUUID
from sqlalchemy.dialects.postgresql import Insert, insert

from common.database import Sql
from common.eventsourcing.event import Recorded


def uuid_column(name: str, *, primary_key: bool = False, nullable: bool = False) -> "sa.Column[UUID]":
    return sa.Column(
        name, PgUUID(as_uuid=True), primary_key=primary_key, nullable=nullable and not primary_key
    )


def row_columns() -> "tuple[sa.Column[Any], ...]":
    """What every row that belongs to a site has beside its id; `version` is that of its stream at its last change."""
    return (
        uuid_column("account_id"),
        uuid_column("site_id"),
        sa.Column("version", sa.Integer, nullable=False),
        *time_columns(),
    )


def resource_columns() -> "tuple[sa.Column[Any], ...]":
    """What every resource has (PRODUCT §0) beside its id."""
    return (*row_columns(), uuid_column("sector_id"), sa.Column("archived", sa.Boolean, nullable=False))


def time_columns() -> "tuple[sa.Column[Any], ...]":
    return (
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )


def among(column: "sa.ColumnElement[Any]", ids: Collection[UUID]) -> "sa.ColumnElement[bool]":
    """The column holds one of the ids: one parameter, however many they are."""
    return column == sa.any_(sa.literal(list(ids), sa.ARRAY(PgUUID(as_uuid=True))))


async def add_rows(sql: Sql, table: sa.Table, fact: Recorded[Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """New rows, not archived; those that are there already stay as they are. All name the same columns."""
    stamp = _stamp(table, fact) | ({"archived": False} if "archived" in table.c else {})
    await sql.execute_many(_adding(table), [{**stamp, **row} for row in rows])


async def change_rows(
    sql: Sql, table: sa.Table, fact: Recorded[Any], ids: Collection[UUID], **values: Any
) -> None:
    """Change the rows with these primary keys, except those that are as new as the fact."""
    (key,) = table.primary_key.columns
    await sql.execute(
        sa.update(table)
        .where(among(key, ids), table.c.version < fact.version)
        .values(version=fact.version, updated_at=fact.recorded_at, **values)
    )


async def put_rows(sql: Sql, table: sa.Table, fact: Recorded[Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Add the rows, or change them unless they are as new as the fact. All name the same columns."""
    stamp = _stamp(table, fact)
    await upsert_rows(sql, table, [{**stamp, **row} for row in rows], newer_by="version")


async def upsert_rows(
    sql: Sql, table: sa.Table, rows: Sequence[Mapping[str, Any]], *, newer_by: str | None = None
) -> None:
    """Add the rows, or set these columns of them; with `newer_by` only where that column's value is greater than theirs.

    All rows name the same columns. Primary key, account and `created_at` of a row that is there stay.
    """
    if rows:
        await sql.execute_many(_upserting(table, tuple(rows[0]), newer_by), rows)


def _stamp(table: sa.Table, fact: Recorded[Any]) -> dict[str, Any]:
    stamp = {
        "account_id": fact.account_id,
        "version": fact.version,
        "created_at": fact.recorded_at,
        "updated_at": fact.recorded_at,
    }
    return {name: value for name, value in stamp.items() if name in table.c}


# Made once for each table: what SQLAlchemy compiles of a statement is kept by the statement object (database.py).
@cache
def _adding(table: sa.Table) -> Insert:
    return insert(table).on_conflict_do_nothing()


@cache
def _upserting(table: sa.Table, names: tuple[str, ...], newer_by: str | None) -> Insert:
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {
        name: statement.excluded[name] for name in names if name not in {*keys, "account_id", "created_at"}
    }
    return statement.on_conflict_do_update(
        index_elements=keys,
        set_=changed,
        where=table.c[newer_by] < statement.excluded[newer_by] if newer_by else None,
    )
