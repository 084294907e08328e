"""Asking for articles: one operation with an item for each task, all or none."""

from collections.abc import Mapping
from uuid import UUID

from common.ai.operations import steps as operations
from common.contracts.operations import OperationItem
from common.database import Transaction

from writer.charges import content_charge
from writer.tasks.decisions import TASK, StartTask
from writer.tasks.events import Task


async def request_content(
    tx: Transaction,
    operation_id: UUID,
    tasks: Mapping[UUID, Task],
    *,
    user_id: UUID | None = None,
    run_id: UUID | None = None,
) -> None:
    """`tasks` are of one sector. Raises 402 and 403 (none starts then), 409 for a task that cannot be written now."""
    first = next(iter(tasks.values()))
    await operations.request(
        tx,
        operations.Request(
            operation_id=operation_id,
            function="generate_content",
            items=tuple(
                OperationItem(item_id=id, charge=content_charge(task.details.word_count))
                for id, task in tasks.items()
            ),
            site_id=first.site_id,
            sector_id=first.sector_id,
            user_id=user_id,
            run_id=run_id,
        ),
    )
    for task_id in tasks:
        await tx.handle(TASK, task_id, StartTask(operation_id, run_id))
