"""Rows of views, written so that an event applied twice changes nothing."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from common.database import Sql
from common.eventsourcing.event import Recorded
from sqlalchemy.dialects.postgresql import UUID as PgUUID
from sqlalchemy.dialects.postgresql import insert


def uuid_column(name: str, *, primary_key: bool = False, nullable: bool = False) -> "sa.Column[UUID]":
    return sa.Column(
        name, PgUUID(as_uuid=True), primary_key=primary_key, nullable=nullable and not primary_key
    )


def row_columns() -> "tuple[sa.Column[Any], ...]":
    """What every row has beside its id; `version` is the one of its stream."""
    return (
        uuid_column("account_id"),
        uuid_column("site_id"),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )


async def put_row(sql: Sql, table: sa.Table, fact: Recorded[Any], **values: Any) -> None:
    """Add the row, or change it unless it is as new as the fact."""
    (key,) = table.primary_key.columns
    statement = insert(table).values(
        account_id=fact.account_id,
        version=fact.version,
        created_at=fact.recorded_at,
        updated_at=fact.recorded_at,
        **values,
    )
    changed = {name: statement.excluded[name] for name in ("version", "updated_at", *values)}
    await sql.execute(
        statement.on_conflict_do_update(
            index_elements=[key], set_=changed, where=table.c.version < statement.excluded.version
        )
    )


async def change_row(sql: Sql, table: sa.Table, fact: Recorded[Any], row_id: UUID, **values: Any) -> None:
    """Change the row with this primary key, unless it is as new as the fact."""
    (key,) = table.primary_key.columns
    await sql.execute(
        sa.update(table)
        .where(key == row_id, table.c.version < fact.version)
        .values(version=fact.version, updated_at=fact.recorded_at, **values)
    )
