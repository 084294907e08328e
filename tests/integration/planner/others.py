"""Billing, the writer and the publisher as the planner sees them: what it says is answered as they would."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from common.ai.operations.steps import pipeline_operation_id
from common.contracts import Contract
from common.contracts.billing import CreditsDeducted, CreditsRefused, CreditsReserved, LimitReached
from common.contracts.operations import AIOperationFailed, AIOperationRequested, Charge, ObjectRef, Usage
from common.contracts.planner import IdeasGenerated, IdeasQueued, KeywordsClustered, PipelineStageStarted
from common.contracts.publisher import ContentPublished, PublishFailed
from common.contracts.writer import (
    ContentGenerated,
    ContentSubmittedForReview,
    ImageItem,
    ImagePromptsGenerated,
    ImagesGenerated,
    ImageType,
    TaskFailed,
    TaskItem,
    TasksCreated,
)
from common.ids import stable_id

from tests.integration.writer.service_parts import Parts, Tenant

USAGE = Usage(provider="local", model="local", calls=1)
IMAGE_TYPES: tuple[ImageType, ...] = ("in_article", "featured")
Order = Callable[[list[Contract]], list[Contract]]


def task_of(idea_id: UUID) -> UUID:
    return stable_id("task", idea_id)


def content_of(task_id: UUID) -> UUID:
    return stable_id("content", task_id)


@dataclass
class Others:
    """`answer` reacts to what the planner has said since the last time; `fails` are task, content or image ids."""

    planner: Parts
    tenant: Tenant
    fails: set[UUID] = field(default_factory=set)
    refuse: bool = False
    reached: LimitReached | None = None
    order: Order = list
    known: int = 0
    contents: dict[UUID, UUID] = field(default_factory=dict)

    async def settle(self) -> None:
        """Until nobody has anything to say."""
        while True:
            worked = await self.planner.work()
            answers = await self.answers()
            if answers:
                await self.planner.hear(self.tenant, *self.order(answers))
            if not worked and not answers:
                return

    async def answers(self) -> list[Contract]:
        facts = await self.planner.facts(self.tenant)
        new, self.known = facts[self.known :], len(facts)
        said = [self.planner.service.model.publish(fact) for fact in new]
        return [answer for contract in said if contract is not None for answer in self._answer(contract)]

    def _answer(self, said: Contract) -> list[Contract]:
        match said:
            case AIOperationRequested(operation_id=id, maximum=amount):
                if self.refuse:
                    return [CreditsRefused(operation_id=id, needed=amount, available=0, reached=self.reached)]
                return [
                    CreditsReserved(
                        operation_id=id,
                        amount=amount,
                        balance=1,
                        available=1,
                        expires_at="2030-01-01T00:00:00Z",
                    )
                ]
            case KeywordsClustered(charge=charge, run_id=run) if charge is not None:
                return [self._charged(said.operation_id, said.item_id, "auto_cluster", 10_000, run)]
            case IdeasGenerated(run_id=run):
                return [self._charged(said.operation_id, said.item_id, "generate_ideas", 2_000, run)]
            case IdeasQueued():
                return [self._tasks(said)]
            case PipelineStageStarted(stage=stage):
                return [
                    answer
                    for item in said.items
                    if stage > 3
                    for answer in self._stage(said, item, pipeline_operation_id(said.run_id, stage, item))
                ]
            case _:
                return []

    def _tasks(self, said: IdeasQueued) -> Contract:
        tasks = tuple(
            TaskItem(
                task_id=task_of(idea.idea_id),
                title=idea.title,
                cluster_id=idea.cluster_id,
                idea_id=idea.idea_id,
                content_type=idea.content_type,
                content_structure=idea.content_structure,
                word_count=idea.word_count,
            )
            for idea in said.ideas
        )
        return TasksCreated(site_id=said.site_id, sector_id=said.sector_id, tasks=tasks, run_id=said.run_id)

    def _stage(self, said: PipelineStageStarted, item: UUID, operation: UUID) -> list[Contract]:
        base: dict[str, Any] = {
            "operation_id": operation,
            "item_id": item,
            "site_id": said.site_id,
            "sector_id": said.sector_id,
            "usage": USAGE,
            "charge": Charge(kind="image", units=1),
            "run_id": said.run_id,
        }
        failed = item in self.fails
        match said.stage:
            case 4 if failed:
                failure = TaskFailed(
                    task_id=item, operation_id=operation, error_code="X", message="x", run_id=said.run_id
                )
                return [failure, self._failed(said, item, operation, "generate_content")]
            case 4:
                content = content_of(item)
                made = ContentGenerated(**base, task_id=item, content_id=content, title="T", words=500)
                return [made, self._charged(operation, item, "generate_content", 1_000, said.run_id)]
            case 5 if failed:
                return [self._failed(said, item, operation, "generate_image_prompts")]
            case 5:
                images = tuple(
                    ImageItem(image_id=stable_id("image", item, n), image_type=kind, alt_text="a", position=0)
                    for n, kind in enumerate(IMAGE_TYPES)
                )
                self.contents |= {image.image_id: item for image in images}
                prompts = ImagePromptsGenerated(**base, content_id=item, images=images)
                return [prompts, self._charged(operation, item, "generate_image_prompts", 1_000, said.run_id)]
            case 6:
                content = self.contents[item]
                review = ContentSubmittedForReview(
                    content_id=content, version=1, title="T", run_id=said.run_id
                )
                if failed:
                    return [self._failed(said, item, operation, "generate_images"), review]
                ref = ObjectRef(sha256="0" * 64, size=1, media_type="image/png")
                image = ImagesGenerated(**base, content_id=content, image_id=item, image=ref)
                return [image, self._charged(operation, item, "generate_images", 1_000, said.run_id), review]
            case _ if failed:
                return [
                    PublishFailed(
                        content_id=item,
                        version=1,
                        site_id=said.site_id,
                        error_code="X",
                        message="x",
                        run_id=said.run_id,
                    )
                ]
            case _ if said.auto_approve:
                return [
                    ContentPublished(
                        content_id=item,
                        version=1,
                        site_id=said.site_id,
                        external_id="1",
                        external_url="https://example.com/1",
                        run_id=said.run_id,
                    )
                ]
        return []

    def _charged(self, operation: UUID, item: UUID, function: Any, amount: int, run: UUID | None) -> Contract:
        return CreditsDeducted(
            operation_id=operation,
            item_id=item,
            function=function,
            amount=amount,
            balance=1,
            available=1,
            run_id=run,
        )

    def _failed(self, said: PipelineStageStarted, item: UUID, operation: UUID, function: Any) -> Contract:
        return AIOperationFailed(
            operation_id=operation,
            function=function,
            item_id=item,
            error_code="X",
            message="x",
            run_id=said.run_id,
        )
