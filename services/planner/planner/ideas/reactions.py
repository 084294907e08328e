"""What ideas hear: an idea is done when the article of its task is written, in whatever order the two are heard."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from common.contracts.writer import ContentGenerated, TasksCreated
from common.database import Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions
from sqlalchemy.dialects.postgresql import insert

from planner.ideas.decisions import IDEAS, FinishIdea
from planner.ideas.views import ideas, replica_tasks

kept = Reactions(of_replicas=True)
finished = Reactions()


@kept.on(TasksCreated)
async def tasks_created(event: Heard[TasksCreated], tx: Transaction) -> None:
    for task in event.data.tasks:
        await _learn(tx, task.task_id, idea_id=task.idea_id)


@kept.on(ContentGenerated)
async def content_generated(event: Heard[ContentGenerated], tx: Transaction) -> None:
    await _learn(tx, event.data.task_id, written=True)


async def _learn(tx: Transaction, task_id: UUID, **known: Any) -> None:
    new = {"idea_id": None, "written": False} | known
    await tx.execute(
        insert(replica_tasks)
        .values(task_id=task_id, account_id=tx.account_id, **new)
        .on_conflict_do_update(index_elements=["task_id"], set_=known)
    )


@finished.on(TasksCreated)
async def finish_created(event: Heard[TasksCreated], tx: Transaction) -> None:
    for task in event.data.tasks:
        await _finish(tx, task.task_id)


@finished.on(ContentGenerated)
async def finish_written(event: Heard[ContentGenerated], tx: Transaction) -> None:
    await _finish(tx, event.data.task_id)


async def _finish(tx: Transaction, task_id: UUID) -> None:
    row = await tx.first(
        sa.select(replica_tasks.c.idea_id, ideas.c.cluster_id)
        .join(ideas, ideas.c.idea_id == replica_tasks.c.idea_id)
        .where(replica_tasks.c.task_id == task_id, replica_tasks.c.written)
    )
    if row is not None:
        await tx.handle(IDEAS, row["cluster_id"], FinishIdea(row["idea_id"]))


reactions = Reactions().include([kept, finished])
