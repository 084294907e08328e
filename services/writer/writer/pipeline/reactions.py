"""The stages of a pipeline run that the writer works on: 4 tasks, 5 and 7 articles, 6 images.

Every item of a stage is answered: by its outcome, or by the failure of its operation, or else the run would wait for ever.
"""

from collections import defaultdict
from collections.abc import Mapping
from uuid import UUID

import sqlalchemy as sa
from common.ai.operations import steps as operations
from common.ai.operations.decisions import OPERATION, FailItem
from common.ai.operations.events import NotRequested
from common.ai.operations.steps import PaidStep, pipeline_operation_id
from common.ai.operations.views import operations as operation_rows
from common.contracts.operations import Charge, Function, OperationItem
from common.contracts.planner import PipelineRunCancelled, PipelineStageStarted
from common.database import Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions

from writer.content.decisions import CONTENT, ApproveContent, SubmitContent
from writer.content.events import Content
from writer.content.jobs import release
from writer.images.decisions import GALLERY, AwaitImages
from writer.images.events import Gallery
from writer.images.jobs import content_of
from writer.images.requests import request_images, request_prompts
from writer.pipeline.cancelled import note_cancelled
from writer.tasks.decisions import TASK
from writer.tasks.events import Task
from writer.tasks.requests import request_content

kept = Reactions(of_replicas=True)


@kept.on(PipelineRunCancelled)
async def cancelled(event: Heard[PipelineRunCancelled], tx: Transaction) -> None:
    await note_cancelled(tx, event.data.run_id)


def reactions(steps: Mapping[Function, PaidStep], image_model: str) -> Reactions:
    """`image_model` makes the images; its price is what is reserved."""
    table = Reactions().include([kept])

    @table.on(PipelineStageStarted)
    async def stage_started(event: Heard[PipelineStageStarted], tx: Transaction) -> None:
        stage = event.data
        match stage.stage:
            case 4:
                for task_id in stage.items:
                    await _write(stage, tx, task_id)
            case 5:
                for content_id in stage.items:
                    await _describe(stage, tx, content_id)
            case 6:
                await _illustrate(stage, tx, image_model)
            case 7:
                for content_id in stage.items:
                    await _publish(stage, tx, content_id)
            case _:
                pass  # the planner's own

    @table.on(PipelineRunCancelled)
    async def run_cancelled(event: Heard[PipelineRunCancelled], tx: Transaction) -> None:
        rows = await tx.all(
            sa.select(operation_rows.c.operation_id)
            .where(
                operation_rows.c.run_id == event.data.run_id,
                operation_rows.c.status.in_(("requested", "running")),
            )
            .order_by(operation_rows.c.operation_id)
        )
        for row in rows:
            await operations.cancel(tx, row["operation_id"], "the pipeline run was cancelled", steps)

    return table


async def _write(stage: PipelineStageStarted, tx: Transaction, task_id: UUID) -> None:
    task, _ = await tx.load(TASK, task_id)
    operation_id = pipeline_operation_id(stage.run_id, stage.stage, task_id)
    if isinstance(task, Task) and task.operation_id == operation_id:
        return
    if not isinstance(task, Task) or task.archived or task.status not in ("queued", "failed"):
        status = "archived or unknown" if not isinstance(task, Task) or task.archived else task.status
        await _refuse(stage, tx, task_id, "generate_content", f"the task is {status}")
    else:
        await request_content(tx, operation_id, {task_id: task}, user_id=stage.user_id, run_id=stage.run_id)


async def _describe(stage: PipelineStageStarted, tx: Transaction, content_id: UUID) -> None:
    content, _ = await tx.load(CONTENT, content_id)
    if not isinstance(content, Content) or content.archived:
        await _refuse(stage, tx, content_id, "generate_image_prompts", "the content is archived or unknown")
        return
    operation_id = pipeline_operation_id(stage.run_id, stage.stage, content_id)
    await request_prompts(
        tx, operation_id, [content_id], content.origin, user_id=stage.user_id, run_id=stage.run_id
    )


async def _illustrate(stage: PipelineStageStarted, tx: Transaction, model: str) -> None:
    by_content: dict[UUID, list[UUID]] = defaultdict(list)
    for image_id in stage.items:
        content_id = await content_of(tx, image_id)
        if content_id is None:
            await _refuse(stage, tx, image_id, "generate_images", "the image is unknown")
        else:
            by_content[content_id].append(image_id)
    for content_id, image_ids in by_content.items():
        await _illustrate_content(stage, tx, content_id, image_ids, model)


async def _illustrate_content(
    stage: PipelineStageStarted, tx: Transaction, content_id: UUID, image_ids: list[UUID], model: str
) -> None:
    gallery, _ = await tx.load(GALLERY, content_id)
    content, _ = await tx.load(CONTENT, content_id)
    assert isinstance(gallery, Gallery), "its view has images"
    if not isinstance(content, Content) or content.archived:
        for image_id in image_ids:
            await _refuse(stage, tx, image_id, "generate_images", "its article is archived", archived=True)
        return
    todo = []
    for image_id in image_ids:
        image = gallery.images[image_id]
        if image.archived or image.status == "generated":
            status = "archived" if image.archived else image.status
            await _refuse(stage, tx, image_id, "generate_images", f"the image is {status}")
        else:
            todo.append(image_id)
    if todo:
        await tx.handle(GALLERY, content_id, AwaitImages(stage.run_id, tuple(todo)))
    else:
        await tx.handle(CONTENT, content_id, SubmitContent(stage.run_id))
    for image_id in todo:
        await request_images(
            tx,
            pipeline_operation_id(stage.run_id, stage.stage, image_id),
            [image_id],
            site_id=gallery.site_id,
            sector_id=gallery.sector_id,
            model=model,
            user_id=stage.user_id,
            run_id=stage.run_id,
        )


async def _publish(stage: PipelineStageStarted, tx: Transaction, content_id: UUID) -> None:
    """Approved content is handed over, by the run's own rule where it says so; what a person has to see waits."""
    content, _ = await tx.load(CONTENT, content_id)
    if not isinstance(content, Content) or content.archived:
        await _refuse(stage, tx, content_id, "generate_content", "the content is archived or unknown")
    elif content.is_approved:
        await release(tx, content_id, stage.run_id, run_id=stage.run_id, by_rule=True)
    elif content.status != "review":
        await _refuse(stage, tx, content_id, "generate_content", f"the content is {content.status}")
    elif stage.auto_approve:
        await tx.handle(CONTENT, content_id, ApproveContent(run_id=stage.run_id))
        await release(tx, content_id, stage.run_id, run_id=stage.run_id, by_rule=True)
    else:
        await tx.handle(CONTENT, content_id, SubmitContent(stage.run_id))


async def _refuse(
    stage: PipelineStageStarted,
    tx: Transaction,
    item_id: UUID,
    function: Function,
    reason: str,
    *,
    archived: bool = False,
) -> None:
    """Answer an item that cannot be worked on: an operation that costs nothing and has failed already."""
    operation_id = pipeline_operation_id(stage.run_id, stage.stage, item_id)
    operation, _ = await tx.load(OPERATION, operation_id)
    if not isinstance(operation, NotRequested):
        return  # heard again: the item was answered, or its operation runs
    await operations.request(
        tx,
        operations.Request(
            operation_id=operation_id,
            function=function,
            items=(OperationItem(item_id=item_id, charge=Charge(kind="image_prompt", units=0)),),
            site_id=stage.site_id,
            sector_id=stage.sector_id,
            user_id=stage.user_id,
            run_id=stage.run_id,
        ),
    )
    code = "ARCHIVED" if archived else "CANNOT_BE_WORKED_ON"
    await tx.handle(OPERATION, operation_id, FailItem(item_id, code, reason))
