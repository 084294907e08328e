"""Columns that the views share, and rows written so that an event applied twice changes nothing."""

from collections.abc import Mapping, Sequence
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


def resource_columns() -> "tuple[sa.Column[Any], ...]":
    """What every resource has (PRODUCT §0) beside its id; `version` is that of its stream at its last change."""
    return (
        uuid_column("account_id"),
        uuid_column("site_id"),
        uuid_column("sector_id"),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("archived", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )


async def add_rows(sql: Sql, table: sa.Table, fact: Recorded[Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """New resources; those that are there already stay as they are."""
    common = {
        "account_id": fact.account_id,
        "version": fact.version,
        "archived": False,
        "created_at": fact.recorded_at,
        "updated_at": fact.recorded_at,
    }
    await sql.execute_many(insert(table).on_conflict_do_nothing(), [{**common, **row} for row in rows])


async def change_rows(
    sql: Sql, table: sa.Table, fact: Recorded[Any], ids: Sequence[UUID], **values: Any
) -> None:
    """Change the resources with these ids, except those that are as new as the fact."""
    (key,) = table.primary_key.columns
    await sql.execute(
        sa.update(table)
        .where(key == sa.any_(sa.literal(list(ids), sa.ARRAY(PgUUID(as_uuid=True)))))
        .where(table.c.version < fact.version)
        .values(version=fact.version, updated_at=fact.recorded_at, **values)
    )
