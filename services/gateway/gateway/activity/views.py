"""Progress of operations and pipeline runs, from what planner, writer and billing say.

Every statement leaves the same rows in whatever order and however often events come: columns belong to one kind of
event, counts are counted from rows, and of two values of one column the later version, or the more final one, stays.
"""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from common.database import Row, Sql
from sqlalchemy.dialects.postgresql import UUID as PgUUID
from sqlalchemy.dialects.postgresql import insert

from gateway import metadata

operations = sa.Table(
    "activity_operations",
    metadata,
    sa.Column("account_id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("operation_id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("function", sa.Text),
    sa.Column("items", sa.Integer),
    sa.Column("site_id", PgUUID(as_uuid=True)),
    sa.Column("sector_id", PgUUID(as_uuid=True)),
    sa.Column("run_id", PgUUID(as_uuid=True)),
    sa.Column("requested_at", sa.DateTime(timezone=True)),
    sa.Column("reserved_at", sa.DateTime(timezone=True)),
    sa.Column("ended", sa.Text),
    sa.Column("message", sa.Text),
)
items = sa.Table(
    "activity_items",
    metadata,
    sa.Column("account_id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("operation_id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("item_id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("outcome", sa.Text),
    sa.Column("error_code", sa.Text),
    sa.Column("message", sa.Text),
    sa.Column("credits", sa.BigInteger),
)
runs = sa.Table(
    "activity_runs",
    metadata,
    sa.Column("account_id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("run_id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("site_id", PgUUID(as_uuid=True)),
    sa.Column("sector_id", PgUUID(as_uuid=True)),
    sa.Column("started_at", sa.DateTime(timezone=True)),
    sa.Column("paused", sa.Boolean),
    sa.Column("paused_version", sa.Integer, nullable=False),
    sa.Column("cancelled", sa.Boolean, nullable=False),
    sa.Column("outcome", sa.Text),
    sa.Column("reason", sa.Text),
)
stages = sa.Table(
    "activity_stages",
    metadata,
    sa.Column("account_id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("run_id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("stage", sa.Integer, primary_key=True),
    sa.Column("started_version", sa.Integer, nullable=False),
    sa.Column("finished_version", sa.Integer, nullable=False),
    sa.Column("planned", sa.Integer),
    sa.Column("items", sa.Integer),
    sa.Column("failed", sa.Integer),
    sa.Column("credits", sa.BigInteger),
)
REPLICAS = (operations, items, runs, stages)


async def write(
    sql: Sql, table: sa.Table, keys: dict[str, Any], values: dict[str, Any], *, guard: str | None = None
) -> None:
    """Set the event's own columns; with `guard`, a version column among them, only over an older version."""
    statement = insert(table).values(**keys, **values)
    await sql.execute(
        statement.on_conflict_do_update(
            index_elements=list(keys),
            set_={name: statement.excluded[name] for name in values},
            where=table.c[guard] < statement.excluded[guard] if guard else None,
        )
    )


async def end_operation(sql: Sql, account_id: UUID, operation_id: UUID, ended: str, message: str) -> None:
    """`refused`, `failed` or `cancelled`; of two, the greater word stays, whichever came first."""
    statement = insert(operations).values(
        account_id=account_id, operation_id=operation_id, ended=ended, message=message
    )
    await sql.execute(
        statement.on_conflict_do_update(
            index_elements=["account_id", "operation_id"],
            set_={"ended": statement.excluded.ended, "message": statement.excluded.message},
            where=sa.or_(operations.c.ended.is_(None), operations.c.ended < statement.excluded.ended),
        )
    )


async def progress_rows(sql: Sql, task_id: UUID) -> tuple[Row | None, list[Row]]:
    """An operation and its ended items."""
    operation = await sql.first(sa.select(operations).where(operations.c.operation_id == task_id))
    ended = await sql.all(sa.select(items).where(items.c.operation_id == task_id))
    return operation, ended


async def run_rows(sql: Sql, run_id: UUID) -> tuple[Row | None, list[Row]]:
    """A pipeline run and its stages in order."""
    run = await sql.first(sa.select(runs).where(runs.c.run_id == run_id))
    found = await sql.all(sa.select(stages).where(stages.c.run_id == run_id).order_by(stages.c.stage))
    return run, found
