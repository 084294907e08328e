"""Tasks as a table."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from common.database import Sql
from common.eventsourcing.decider import StreamName
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import add_rows, change_rows, resource_columns, uuid_column
from sqlalchemy.dialects.postgresql import JSONB

from writer import metadata
from writer.tasks.decisions import TASK
from writer.tasks.events import (
    TaskArchived,
    TaskChanged,
    TaskCompleted,
    TaskCreated,
    TaskDetails,
    TaskFailed,
    TaskJoinedRun,
    TaskRestored,
    TaskStarted,
)

tasks = sa.Table(
    "tasks",
    metadata,
    uuid_column("task_id", primary_key=True),
    *resource_columns(),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    uuid_column("cluster_id"),
    uuid_column("idea_id", nullable=True),
    sa.Column("content_type", sa.Text, nullable=False),
    sa.Column("content_structure", sa.Text, nullable=False),
    sa.Column("keywords", JSONB, nullable=False),
    sa.Column("word_count", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    uuid_column("content_id", nullable=True),
    sa.Column("error_code", sa.Text),
    sa.Column("error", sa.Text),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
    for fact in recorded:
        task_id = StreamName.parse(fact.stream).id
        match fact.event:
            case TaskCreated(site_id, sector_id, details):
                place = {"task_id": task_id, "site_id": site_id, "sector_id": sector_id}
                await add_rows(sql, tasks, fact, [place | _columns(details) | {"status": "queued"}])
            case TaskChanged(details=details, status=status):
                await change_rows(sql, tasks, fact, [task_id], status=status, **_columns(details))
            case TaskStarted():
                await change_rows(
                    sql, tasks, fact, [task_id], status="in_progress", error_code=None, error=None
                )
            case TaskCompleted(content_id):
                await change_rows(sql, tasks, fact, [task_id], status="completed", content_id=content_id)
            case TaskFailed(_, error_code, message):
                await change_rows(
                    sql, tasks, fact, [task_id], status="failed", error_code=error_code, error=message
                )
            case TaskArchived():
                await change_rows(sql, tasks, fact, [task_id], archived=True)
            case TaskRestored():
                await change_rows(sql, tasks, fact, [task_id], archived=False)
            case TaskJoinedRun():
                await change_rows(sql, tasks, fact, [task_id])


def _columns(details: TaskDetails) -> dict[str, Any]:
    columns = msgspec.structs.asdict(details)
    return columns | {"keywords": list(details.keywords)}


PROJECTION = Projection("tasks", (TASK.category,), (tasks,), apply)
