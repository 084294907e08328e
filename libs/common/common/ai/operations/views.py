"""The operations of a service as a table: what runs, for which pipeline run, and how it ended."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

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
from common.views import add_rows, change_rows, time_columns, uuid_column

operations = sa.Table(
    "operations",
    sa.MetaData(),
    uuid_column("account_id"),
    uuid_column("operation_id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("function", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    uuid_column("run_id", nullable=True),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("succeeded", sa.Integer, nullable=False),
    sa.Column("failed", sa.Integer, nullable=False),
    sa.Column("error_code", sa.Text),
    *time_columns(),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
    for fact in recorded:
        operation_id = StreamName.parse(fact.stream).id
        match fact.event:
            case OperationRequested() as event:
                row = {
                    "operation_id": operation_id,
                    "function": event.function,
                    "status": "requested",
                    "run_id": event.run_id,
                    "items": len(event.items),
                    "succeeded": 0,
                    "failed": 0,
                }
                await add_rows(sql, operations, fact, [row])
            case OperationStarted():
                await change_rows(sql, operations, fact, [operation_id], status="running")
            case OperationRefused() as event:
                await change_rows(
                    sql, operations, fact, [operation_id], status="refused", error_code=event.error_code
                )
            case OperationCancelled():
                await change_rows(sql, operations, fact, [operation_id], status="cancelled")
            case ItemSucceeded():
                await change_rows(
                    sql,
                    operations,
                    fact,
                    [operation_id],
                    status=_after_item(),
                    succeeded=operations.c.succeeded + 1,
                )
            case ItemFailed() as event:
                await change_rows(
                    sql,
                    operations,
                    fact,
                    [operation_id],
                    status=_after_item(),
                    failed=operations.c.failed + 1,
                    error_code=event.error_code,
                )


def _after_item() -> sa.ColumnElement[str]:
    last = (
        operations.c.succeeded + operations.c.failed + 1 >= operations.c["items"]
    )  # `.items` is a method of the collection
    return sa.case((last, "completed"), else_=operations.c.status)


PROJECTION = Projection("operations", (OPERATION.category,), (operations,), apply)
