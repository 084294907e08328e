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

reactions = Reactions()


@reactions.on(TasksCreated)
async def tasks_created(event: Heard[TasksCreated], tx: Transaction) -> None:
    for task in event.data.tasks:
        await _learn(tx, task.task_id, idea_id=task.idea_id)


@reactions.on(ContentGenerated)
async def content_generated(event: Heard[ContentGenerated], tx: Transaction) -> None:
    await _learn(tx, event.data.task_id, written=True)


async def _learn(tx: Transaction, task_id: UUID, **known: Any) -> None:
    new = {"idea_id": None, "written": False} | known
    statement = (
        insert(replica_tasks)
        .values(task_id=task_id, account_id=tx.account_id, **new)
        .on_conflict_do_update(index_elements=["task_id"], set_=known)
        .returning(replica_tasks.c.idea_id, replica_tasks.c.written)
    )
    row = await tx.first(statement)
    if row is None or not row["written"] or row["idea_id"] is None:
        return
    cluster_id = await tx.scalar(sa.select(ideas.c.cluster_id).where(ideas.c.idea_id == row["idea_id"]))
    if cluster_id is not None:
        await tx.handle(IDEAS, cluster_id, FinishIdea(row["idea_id"]))
