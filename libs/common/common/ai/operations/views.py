"""The operations of a service as a table: what runs, for which pipeline run, and how it ended."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID as PgUUID
from sqlalchemy.dialects.postgresql import insert

from common.ai.operations.decisions import OPERATION
from common.ai.operations.events import (
    ItemFailed,
    ItemSucceeded,
    OperationCancelled,
    OperationRefused,
    OperationRequested,
    OperationStarted,
)
from common.database import Sql
from common.eventsourcing.decider import StreamName
from common.eventsourcing.event import Recorded
from common.model import Projection

operations = sa.Table(
    "operations",
    sa.MetaData(),
    sa.Column("account_id", PgUUID(as_uuid=True), nullable=False),
    sa.Column("operation_id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("function", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("run_id", PgUUID(as_uuid=True)),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("succeeded", sa.Integer, nullable=False),
    sa.Column("failed", sa.Integer, nullable=False),
    sa.Column("error_code", sa.Text),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
    for fact in recorded:
        operation_id = StreamName.parse(fact.stream).id
        match fact.event:
            case OperationRequested() as event:
                await sql.execute(
                    insert(operations)
                    .values(
                        account_id=fact.account_id,
                        operation_id=operation_id,
                        version=fact.version,
                        function=event.function,
                        status="requested",
                        run_id=event.run_id,
                        items=len(event.items),
                        succeeded=0,
                        failed=0,
                        created_at=fact.recorded_at,
                        updated_at=fact.recorded_at,
                    )
                    .on_conflict_do_nothing()
                )
            case OperationStarted():
                await _change(sql, fact, operation_id, status="running")
            case OperationRefused():
                await _change(sql, fact, operation_id, status="refused", error_code="INSUFFICIENT_CREDITS")
            case OperationCancelled():
                await _change(sql, fact, operation_id, status="cancelled")
            case ItemSucceeded():
                await _change(
                    sql, fact, operation_id, status=_after_item(), succeeded=operations.c.succeeded + 1
                )
            case ItemFailed() as event:
                await _change(
                    sql,
                    fact,
                    operation_id,
                    status=_after_item(),
                    failed=operations.c.failed + 1,
                    error_code=event.error_code,
                )


def _after_item() -> sa.ColumnElement[str]:
    last = (
        operations.c.succeeded + operations.c.failed + 1 >= operations.c["items"]
    )  # `.items` is a method of the collection
    return sa.case((last, "completed"), else_=operations.c.status)


async def _change(sql: Sql, fact: Recorded[Any], operation_id: UUID, **values: Any) -> None:
    """Guarded by the version: an event applied twice changes nothing."""
    await sql.execute(
        sa.update(operations)
        .where(operations.c.operation_id == operation_id, operations.c.version < fact.version)
        .values(version=fact.version, updated_at=fact.recorded_at, **values)
    )


PROJECTION = Projection("operations", (OPERATION.category,), (operations,), apply)
