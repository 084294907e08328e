"""Progress of operations and pipeline runs, from what planner, writer and billing say.

Every statement leaves the same rows in whatever order and however often events come: columns belong to one kind of
event, counts are counted from rows, and of two values of one column the later version, or the more final one, stays.
"""

from uuid import UUID

import sqlalchemy as sa
from common.database import Row, Sql
from common.views import uuid_column
from sqlalchemy.dialects.postgresql import insert

from gateway import metadata

operations = sa.Table(
    "activity_operations",
    metadata,
    uuid_column("account_id", primary_key=True),
    uuid_column("operation_id", primary_key=True),
    sa.Column("function", sa.Text),
    sa.Column("items", sa.Integer),
    uuid_column("site_id", nullable=True),
    uuid_column("sector_id", nullable=True),
    uuid_column("run_id", nullable=True),
    sa.Column("requested_at", sa.DateTime(timezone=True)),
    sa.Column("reserved_at", sa.DateTime(timezone=True)),
    sa.Column("ended", sa.Text),
    sa.Column("message", sa.Text),
)
items = sa.Table(
    "activity_items",
    metadata,
    uuid_column("account_id", primary_key=True),
    uuid_column("operation_id", primary_key=True),
    uuid_column("item_id", primary_key=True),
    sa.Column("outcome", sa.Text),
    sa.Column("error_code", sa.Text),
    sa.Column("message", sa.Text),
    sa.Column("credits", sa.BigInteger),
)
runs = sa.Table(
    "activity_runs",
    metadata,
    uuid_column("account_id", primary_key=True),
    uuid_column("run_id", primary_key=True),
    uuid_column("site_id", nullable=True),
    uuid_column("sector_id", nullable=True),
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
    uuid_column("account_id", primary_key=True),
    uuid_column("run_id", primary_key=True),
    sa.Column("stage", sa.Integer, primary_key=True),
    sa.Column("started_version", sa.Integer, nullable=False),
    sa.Column("finished_version", sa.Integer, nullable=False),
    sa.Column("planned", sa.Integer),
    sa.Column("items", sa.Integer),
    sa.Column("failed", sa.Integer),
    sa.Column("credits", sa.BigInteger),
)
REPLICAS = (operations, items, runs, stages)


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
