"""What a run hears of the other services: contract event in, command out."""

from uuid import UUID

from common.contracts.billing import CreditsDeducted
from common.contracts.operations import AIOperationCancelled, AIOperationFailed
from common.contracts.publisher import ContentPublished, PublishFailed
from common.contracts.writer import (
    ContentArchived,
    ContentGenerated,
    ContentRejected,
    ContentSubmittedForReview,
    ImageItem,
    ImagePromptsGenerated,
    ImagesGenerated,
    TaskFailed,
    TasksCreated,
)
from common.database import Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions

from planner.automation.events import Run
from planner.automation.process import (
    RUN,
    ChargeOperation,
    CompleteItem,
    DropArticle,
    FailItem,
    FailOperation,
    ReviewArticle,
    RunCommand,
)
from planner.automation.stages import drive
from planner.automation.views import runs_with_article

reactions = Reactions()


async def _tell(tx: Transaction, run_id: UUID | None, *commands: RunCommand) -> None:
    """Hand on what was heard; what belongs to no run, or to none of this planner's, is nothing to it."""
    if run_id is None or not isinstance((await tx.load(RUN, run_id))[0], Run):
        return
    for command in commands:
        await tx.handle(RUN, run_id, command)
    await drive(tx, run_id)


@reactions.on(TasksCreated)
async def tasks_created(event: Heard[TasksCreated], tx: Transaction) -> None:
    made = [CompleteItem(3, t.idea_id, (t.task_id,)) for t in event.data.tasks if t.idea_id is not None]
    await _tell(tx, event.data.run_id, *made)


@reactions.on(ContentGenerated)
async def content_generated(event: Heard[ContentGenerated], tx: Transaction) -> None:
    fact = event.data
    await _tell(tx, fact.run_id, CompleteItem(4, fact.task_id, (fact.content_id,)))


@reactions.on(TaskFailed)
async def task_failed(event: Heard[TaskFailed], tx: Transaction) -> None:
    fact = event.data
    await _tell(tx, fact.run_id, FailItem(4, fact.task_id, fact.error_code, fact.message))


@reactions.on(ImagePromptsGenerated)
async def image_prompts_generated(event: Heard[ImagePromptsGenerated], tx: Transaction) -> None:
    fact = event.data
    images = tuple(image.image_id for image in sorted(fact.images, key=_rank))
    await _tell(tx, fact.run_id, CompleteItem(5, fact.content_id, images))


def _rank(image: ImageItem) -> tuple[bool, int]:
    """The featured image first: it is the one an article keeps when a run caps its images."""
    return (image.image_type != "featured", image.position)


@reactions.on(ImagesGenerated)
async def images_generated(event: Heard[ImagesGenerated], tx: Transaction) -> None:
    await _tell(tx, event.data.run_id, CompleteItem(6, event.data.image_id))


@reactions.on(ContentSubmittedForReview)
async def content_submitted(event: Heard[ContentSubmittedForReview], tx: Transaction) -> None:
    await _tell(tx, event.data.run_id, ReviewArticle(event.data.content_id))


@reactions.on(ContentPublished)
async def content_published(event: Heard[ContentPublished], tx: Transaction) -> None:
    fact = event.data
    await _tell_waiting(tx, fact.run_id, CompleteItem(7, fact.content_id))


@reactions.on(PublishFailed)
async def publish_failed(event: Heard[PublishFailed], tx: Transaction) -> None:
    fact = event.data
    await _tell_waiting(tx, fact.run_id, FailItem(7, fact.content_id, fact.error_code, fact.message))


@reactions.on(ContentRejected)
async def content_rejected(event: Heard[ContentRejected], tx: Transaction) -> None:
    fact = event.data
    await _tell_waiting(tx, None, FailItem(7, fact.content_id, "REJECTED", fact.reason))


async def _tell_waiting(tx: Transaction, run_id: UUID | None, outcome: CompleteItem | FailItem) -> None:
    """Hand on what became of an article: to the run that is named, and to those that work on it whoever ordered that.

    An article that a person had written or published again names no run, or another.
    """
    for each in sorted({run_id, *await runs_with_article(tx, outcome.item_id)} - {None}, key=str):
        await _tell(tx, each, outcome)


@reactions.on(ContentArchived)
async def content_archived(event: Heard[ContentArchived], tx: Transaction) -> None:
    for run_id in await runs_with_article(tx, event.data.content_id):
        await _tell(tx, run_id, DropArticle(event.data.content_id))


@reactions.on(AIOperationFailed)
async def operation_failed(event: Heard[AIOperationFailed], tx: Transaction) -> None:
    fact = event.data
    if fact.run_id is not None:
        failed = FailOperation(fact.run_id, fact.operation_id, fact.error_code, fact.message)
        await _tell(tx, fact.run_id, failed)


@reactions.on(AIOperationCancelled)
async def operation_cancelled(event: Heard[AIOperationCancelled], tx: Transaction) -> None:
    fact = event.data
    if fact.run_id is not None:
        failed = FailOperation(fact.run_id, fact.operation_id, "CANCELLED", fact.reason)
        await _tell(tx, fact.run_id, failed)


@reactions.on(CreditsDeducted)
async def credits_deducted(event: Heard[CreditsDeducted], tx: Transaction) -> None:
    fact = event.data
    if fact.run_id is not None:
        await _tell(tx, fact.run_id, ChargeOperation(fact.run_id, fact.operation_id, fact.amount))
