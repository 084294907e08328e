"""The writer's stages of a pipeline run, as the planner and billing see them."""

from typing import Any
from uuid import UUID

import pytest
from common.ai.providers import ProviderError
from common.ai.providers.local import LocalProvider
from common.contracts.billing import CreditsRefused, CreditsReserved
from common.contracts.operations import AIOperationFailed, AIOperationRequested, Usage
from common.contracts.planner import PipelineRunCancelled, PipelineStageStarted, Stage
from common.contracts.publisher import ContentPublished
from common.contracts.writer import (
    ContentApproved,
    ContentGenerated,
    ContentReadyToPublish,
    ContentSubmittedForReview,
    ImagePromptsGenerated,
    ImagesGenerated,
    TaskFailed,
    TasksCreated,
    TaxonomyTermsChanged,
)
from common.ids import new_id
from common.jobs.worker import GiveUp, JobHandler, RetryLater
from writer.content.decisions import CONTENT
from writer.content.events import Content

from tests.integration.writer.conftest import queued
from tests.integration.writer.service_parts import Parts, Tenant

TITLES = ("Leasing a forklift", "Renting an excavator")


async def stage(
    writer: Parts, tenant: Tenant, run: UUID, number: Stage, items: list[UUID], *, auto_approve: bool = True
) -> None:
    await writer.hear(
        tenant,
        PipelineStageStarted(
            run_id=run,
            stage=number,
            site_id=tenant.site,
            sector_id=tenant.sector,
            items=tuple(items),
            auto_approve=auto_approve,
        ),
    )


async def reserve_all(writer: Parts, tenant: Tenant, known: int = 0) -> int:
    """Billing says yes to every operation asked for after the first `known`; returns how many there are now."""
    asked = await writer.said(tenant, AIOperationRequested)
    for operation in asked[known:]:
        await reserve(writer, tenant, operation)
    await writer.work()
    return len(asked)


async def reserve(writer: Parts, tenant: Tenant, operation: AIOperationRequested) -> None:
    await writer.hear(
        tenant,
        CreditsReserved(
            operation_id=operation.operation_id,
            amount=operation.maximum,
            balance=200_000,
            available=100_000,
            expires_at="2030-01-01T00:00:00Z",
        ),
    )


async def written(writer: Parts, tenant: Tenant, run: UUID) -> list[UUID]:
    """Stage 4 done; the ids of the articles."""
    await writer.hear(tenant, queued(tenant, *TITLES, run_id=run))
    tasks = [item.task_id for said in await writer.said(tenant, TasksCreated) for item in said.tasks]
    await stage(writer, tenant, run, 4, tasks)
    await reserve_all(writer, tenant)
    return [said.content_id for said in await writer.said(tenant, ContentGenerated)]


async def illustrated(writer: Parts, tenant: Tenant, run: UUID) -> list[UUID]:
    """Stages 4 to 6 done; the ids of the articles."""
    contents = await written(writer, tenant, run)
    await stage(writer, tenant, run, 5, contents)
    known = await reserve_all(writer, tenant, known=len(contents))
    prompts = await writer.said(tenant, ImagePromptsGenerated)
    await stage(writer, tenant, run, 6, [image.image_id for said in prompts for image in said.images])
    await reserve_all(writer, tenant, known)
    return contents


async def test_a_run_from_ideas_to_published(writer: Parts, tenant: Tenant) -> None:
    run = new_id()
    contents = await illustrated(writer, tenant, run)

    generated = await writer.said(tenant, ContentGenerated)
    assert {said.run_id for said in generated} == {run}
    assert all(said.charge.units == said.words and 300 < said.words < 600 for said in generated)
    asked = await writer.said(tenant, AIOperationRequested)
    assert asked[0].items[0].charge.units == 500, "a quarter more than wished is reserved"
    assert len(await writer.said(tenant, ImagesGenerated)) == 2 * len(contents)
    submitted = await writer.said(tenant, ContentSubmittedForReview)
    assert sorted(said.content_id for said in submitted) == sorted(contents)
    assert {said.run_id for said in submitted} == {run}

    await stage(writer, tenant, run, 7, contents)
    await writer.work()
    assert {said.user_id for said in await writer.said(tenant, ContentApproved)} == {None}
    ready = await writer.said(tenant, ContentReadyToPublish)
    assert sorted(said.content_id for said in ready) == sorted(contents)
    for said in ready:
        assert (said.run_id, said.version) == (run, 1)
        assert b"<h2>" in await writer.runtime.objects.of(tenant.id).get(said.body)
        assert [image.image_type for image in said.images] == ["featured", "in_article"]
        assert all([await writer.runtime.objects.of(tenant.id).get(image.object) for image in said.images])
        known = {
            term.term_id
            for change in await writer.said(tenant, TaxonomyTermsChanged)
            for term in change.terms
        }
        assert said.terms
        assert {term.term_id for term in said.terms} <= known

    for said in ready:
        await writer.hear(
            tenant,
            ContentPublished(
                content_id=said.content_id,
                version=said.version,
                site_id=tenant.site,
                external_id="7",
                external_url="https://site/7",
                run_id=run,
            ),
        )
    listed = (await writer.call(tenant, "GET", "/writer/content/", status="published")).json()["data"]
    assert listed["count"] == len(contents)
    assert listed["results"][0]["has_images"]


async def test_hearing_and_projecting_everything_again_changes_nothing(writer: Parts, tenant: Tenant) -> None:
    run = new_id()
    contents = await illustrated(writer, tenant, run)
    await stage(writer, tenant, run, 7, contents)
    await writer.work()
    before, facts = await writer.tables(tenant), len(await writer.facts(tenant))
    assert all(before.values()), "every view has rows"
    await writer.hear_everything_again()
    await writer.project_again(tenant)
    assert await writer.work() == 0
    assert await writer.tables(tenant) == before
    assert len(await writer.facts(tenant)) == facts


async def test_a_stage_said_again_as_another_event_starts_nothing_twice(
    writer: Parts, tenant: Tenant
) -> None:
    run = new_id()
    contents = await illustrated(writer, tenant, run)
    await stage(writer, tenant, run, 7, contents)
    await writer.work()
    facts = len(await writer.facts(tenant))
    tasks = [item.task_id for said in await writer.said(tenant, TasksCreated) for item in said.tasks]
    await stage(writer, tenant, run, 4, tasks)
    await stage(writer, tenant, run, 5, contents)
    await stage(writer, tenant, run, 7, contents)
    await writer.work()
    assert len(await writer.facts(tenant)) == facts


async def test_an_idea_becomes_one_task_whoever_queues_it(writer: Parts, tenant: Tenant) -> None:
    run = new_id()
    await writer.hear(tenant, queued(tenant, TITLES[0]))
    await writer.hear(tenant, queued(tenant, TITLES[0]))
    await writer.hear(tenant, queued(tenant, TITLES[0], run_id=run))
    created = await writer.said(tenant, TasksCreated)
    assert [said.run_id for said in created] == [None, run], "the run is answered too"
    assert len({said.tasks[0].task_id for said in created}) == 1
    listed = (await writer.call(tenant, "GET", "/writer/tasks/")).json()["data"]
    assert listed["count"] == 1
    assert listed["results"][0]["cluster_name"] == "Forklift leasing"


@pytest.mark.parametrize("number", [4, 5, 6, 7])
async def test_an_item_that_is_not_there_is_answered(writer: Parts, tenant: Tenant, number: Stage) -> None:
    run, item = new_id(), new_id()
    await stage(writer, tenant, run, number, [item])
    (failed,) = await writer.said(tenant, AIOperationFailed)
    assert (failed.run_id, failed.item_id, failed.error_code) == (run, item, "CANNOT_BE_WORKED_ON")
    (asked,) = await writer.said(tenant, AIOperationRequested)
    assert asked.maximum == 0


async def test_refused_credits_fail_the_task_with_its_run(writer: Parts, tenant: Tenant) -> None:
    run = new_id()
    await writer.hear(tenant, queued(tenant, TITLES[0], run_id=run))
    (created,) = await writer.said(tenant, TasksCreated)
    await stage(writer, tenant, run, 4, [created.tasks[0].task_id])
    (asked,) = await writer.said(tenant, AIOperationRequested)
    await writer.hear(tenant, CreditsRefused(operation_id=asked.operation_id, needed=1_000, available=0))
    (failed,) = await writer.said(tenant, TaskFailed)
    assert (failed.run_id, failed.error_code) == (run, "INSUFFICIENT_CREDITS")
    listed = (await writer.call(tenant, "GET", "/writer/tasks/", status="failed")).json()["data"]
    assert listed["results"][0]["error_code"] == "INSUFFICIENT_CREDITS"


class TestWhenTheProviderFails:
    """The job of an article, as the worker runs it."""

    @staticmethod
    async def due(
        writer: Parts, tenant: Tenant, run: UUID, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> tuple[JobHandler, Any]:
        async def fails(*_asked: Any, **_more: Any) -> None:
            raise error

        monkeypatch.setattr(LocalProvider, "run", fails)
        await writer.hear(tenant, queued(tenant, TITLES[0], run_id=run))
        (created,) = await writer.said(tenant, TasksCreated)
        await stage(writer, tenant, run, 4, [created.tasks[0].task_id])
        (asked,) = await writer.said(tenant, AIOperationRequested)
        await reserve(writer, tenant, asked)
        (job,) = await writer.due()
        handler = next(found for found in writer.handlers if found.job.name == job["task_name"])
        return handler, job

    async def test_a_refusal_fails_the_task_and_says_what_it_cost(
        self, writer: Parts, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = new_id()
        spent = Usage(provider="x", model="m", calls=3, cost_micro_usd=7)
        refused = ProviderError("AI_PROVIDER_REJECTED", "no quota left", usage=spent)
        handler, job = await self.due(writer, tenant, run, refused, monkeypatch)
        with pytest.raises(GiveUp) as gave_up:
            await handler.run(writer.attempt(job))
        assert handler.give_up is not None
        await handler.give_up(writer.attempt(job), gave_up.value)
        (operation,) = await writer.said(tenant, AIOperationFailed)
        assert (operation.error_code, operation.provider_cost_micro_usd) == ("AI_PROVIDER_REJECTED", 7)
        (task,) = await writer.said(tenant, TaskFailed)
        assert (task.run_id, task.error_code) == (run, "AI_PROVIDER_REJECTED")
        assert await writer.said(tenant, ContentGenerated) == []

    async def test_a_fault_of_ours_says_so(
        self, writer: Parts, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fault = RuntimeError("disk full")
        handler, job = await self.due(writer, tenant, new_id(), fault, monkeypatch)
        with pytest.raises(RuntimeError) as raised:
            await handler.run(writer.attempt(job))
        assert handler.give_up is not None
        await handler.give_up(writer.attempt(job), raised.value)
        (task,) = await writer.said(tenant, TaskFailed)
        assert task.error_code == "AI_OPERATION_FAILED"

    async def test_one_that_is_busy_is_asked_again_when_it_said(
        self, writer: Parts, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        busy = ProviderError("AI_PROVIDER_OVERLOADED", "busy", retryable=True, retry_after=90)
        handler, job = await self.due(writer, tenant, new_id(), busy, monkeypatch)
        with pytest.raises(RetryLater) as later:
            await handler.run(writer.attempt(job))
        assert later.value.seconds == 90
        assert await writer.said(tenant, TaskFailed) == []


async def test_the_last_image_submits_even_when_it_fails(writer: Parts, tenant: Tenant) -> None:
    run = new_id()
    contents = await written(writer, tenant, run)
    await stage(writer, tenant, run, 5, contents[:1])
    known = await reserve_all(writer, tenant, known=len(contents))
    (prompts,) = await writer.said(tenant, ImagePromptsGenerated)
    await stage(writer, tenant, run, 6, [image.image_id for image in prompts.images])
    first, second = (await writer.said(tenant, AIOperationRequested))[known:]
    await writer.hear(tenant, CreditsRefused(operation_id=first.operation_id, needed=1_000, available=0))
    assert not await writer.said(tenant, ContentSubmittedForReview)
    await writer.hear(tenant, CreditsRefused(operation_id=second.operation_id, needed=1_000, available=0))
    (submitted,) = await writer.said(tenant, ContentSubmittedForReview)
    assert (submitted.content_id, submitted.run_id) == (contents[0], run)


async def test_an_article_submitted_or_archived_meanwhile_holds_nothing_up(
    writer: Parts, tenant: Tenant
) -> None:
    run = new_id()
    submitted, archived = await written(writer, tenant, run)
    await stage(writer, tenant, run, 5, [submitted, archived])
    known = await reserve_all(writer, tenant, known=2)
    prompts = await writer.said(tenant, ImagePromptsGenerated)
    await stage(writer, tenant, run, 6, [image.image_id for said in prompts for image in said.images])
    assert (await writer.call(tenant, "POST", f"/writer/content/{submitted}/submit/")).status_code == 200
    assert (await writer.call(tenant, "DELETE", f"/writer/content/{archived}/")).status_code == 204
    await reserve_all(writer, tenant, known)
    assert len(await writer.said(tenant, ImagesGenerated)) == 4
    told = [
        said.content_id for said in await writer.said(tenant, ContentSubmittedForReview) if said.run_id == run
    ]
    assert told == [submitted]


async def test_the_images_of_an_archived_article_are_refused(writer: Parts, tenant: Tenant) -> None:
    run = new_id()
    kept, archived = await written(writer, tenant, run)
    await stage(writer, tenant, run, 5, [kept, archived])
    known = await reserve_all(writer, tenant, known=2)
    prompts = await writer.said(tenant, ImagePromptsGenerated)
    assert (await writer.call(tenant, "DELETE", f"/writer/content/{archived}/")).status_code == 204
    await stage(writer, tenant, run, 6, [image.image_id for said in prompts for image in said.images])
    refused = {said.item_id: said.error_code for said in await writer.said(tenant, AIOperationFailed)}
    theirs = next(said.images for said in prompts if said.content_id == archived)
    assert refused == {image.image_id: "ARCHIVED" for image in theirs}
    asked = (await writer.said(tenant, AIOperationRequested))[known:]
    assert [operation.maximum for operation in asked if operation.items[0].item_id in refused] == [0, 0]
    for operation in asked:
        if operation.items[0].item_id not in refused:
            await reserve(writer, tenant, operation)
    await writer.work()
    assert {said.content_id for said in await writer.said(tenant, ImagesGenerated)} == {kept}


async def test_without_auto_approval_a_person_publishes_for_the_run(writer: Parts, tenant: Tenant) -> None:
    run = new_id()
    contents = await illustrated(writer, tenant, run)
    await stage(writer, tenant, run, 7, contents, auto_approve=False)
    await writer.work()
    assert not await writer.said(tenant, ContentReadyToPublish)
    answer = await writer.call(tenant, "POST", f"/writer/content/{contents[0]}/approve/")
    assert answer.status_code == 200, answer.text
    await writer.work()
    (ready,) = await writer.said(tenant, ContentReadyToPublish)
    assert (ready.content_id, ready.run_id) == (contents[0], run)
    (approved,) = await writer.said(tenant, ContentApproved)
    assert (approved.user_id, approved.run_id) == (tenant.user, run)


async def test_a_cancelled_run_ends_its_open_operations(writer: Parts, tenant: Tenant) -> None:
    run = new_id()
    await writer.hear(tenant, queued(tenant, *TITLES, run_id=run))
    tasks = [item.task_id for said in await writer.said(tenant, TasksCreated) for item in said.tasks]
    await stage(writer, tenant, run, 4, tasks)
    await writer.hear(tenant, PipelineRunCancelled(run_id=run))
    assert [said.error_code for said in await writer.said(tenant, TaskFailed)] == ["CANCELLED"] * len(tasks)
    await reserve_all(writer, tenant)
    assert not await writer.said(tenant, ContentGenerated), "credits that come too late start nothing"


class TestACancelledRunIn7:
    async def test_hands_over_nothing_more(self, writer: Parts, tenant: Tenant) -> None:
        run, other = new_id(), new_id()
        first, second = await illustrated(writer, tenant, run)
        await stage(writer, tenant, run, 7, [first])
        await stage(writer, tenant, other, 7, [second])
        await writer.hear(tenant, PipelineRunCancelled(run_id=run))
        await writer.hear(tenant, PipelineRunCancelled(run_id=run))
        await writer.work()
        assert [said.content_id for said in await writer.said(tenant, ContentReadyToPublish)] == [second]

    async def test_leaves_its_articles_to_be_approved_by_a_person(
        self, writer: Parts, tenant: Tenant
    ) -> None:
        run = new_id()
        by_rule, by_hand = await illustrated(writer, tenant, run)
        await stage(writer, tenant, run, 7, [by_rule])
        await writer.hear(tenant, PipelineRunCancelled(run_id=run))
        await writer.work()
        for content_id in (by_rule, by_hand, by_rule):
            answer = await writer.call(tenant, "POST", f"/writer/content/{content_id}/approve/")
            assert answer.status_code == 200, answer.text
        await writer.work()
        ready = await writer.said(tenant, ContentReadyToPublish)
        assert [said.content_id for said in ready] == [by_rule, by_hand]


async def test_a_crash_between_answer_and_record_writes_one_version(writer: Parts, tenant: Tenant) -> None:
    run = new_id()
    contents = await written(writer, tenant, run)
    async with writer.database.transaction(tenant.id) as tx:
        content, _ = await tx.load(CONTENT, contents[0])
    assert isinstance(content, Content)
    # The job comes again, as after a crash that lost only the word that it was done.
    asked = (await writer.said(tenant, AIOperationRequested))[0]
    handler = next(found for found in writer.handlers if found.job.name == "generate_content")
    job = {
        "args": {
            "account_id": str(tenant.id),
            "meta": {},
            "arguments": {
                "operation_id": str(asked.operation_id),
                "item_id": str(asked.items[0].item_id),
            },
        }
    }
    facts = len(await writer.facts(tenant))
    await handler.run(writer.attempt(job, 2))
    assert len(await writer.facts(tenant)) == facts
