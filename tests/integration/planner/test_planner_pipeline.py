"""A pipeline run in the planner, with the other services' answers in order, shuffled, twice and failing."""

import random
from typing import Any

import pytest
import sqlalchemy as sa
from common.contracts import Contract
from common.contracts.planner import IdeasQueued, PipelineRunFinished, PipelineStageStarted
from common.contracts.publisher import ContentPublished, PublishFailed
from common.contracts.writer import (
    ContentArchived,
    ContentRejected,
    ContentSubmittedForReview,
    ImagesGenerated,
)
from common.ids import new_id
from planner.automation.views import items

from tests.integration.planner.conftest import add_keywords, new_tenant, place
from tests.integration.planner.others import Others, content_of, task_of
from tests.integration.writer.service_parts import Parts, Tenant

KEYWORDS = tuple(
    f"{kind} {machine}"
    for machine in ("forklift", "excavator", "cnc machine", "delivery van")
    for kind in ("lease", "lease a used", "finance", "rent to own", "lease cost of a")
)


async def start(planner: Parts, tenant: Tenant, **settings: Any) -> str:
    asked = {**place(tenant), "auto_approve": True, "articles": 4, "word_count": 400, **settings}
    answered = await planner.call(tenant, "POST", "/automation/runs/", asked)
    assert answered.status_code == 201, answered.text
    return str(answered.json()["data"]["id"])


async def shown(planner: Parts, tenant: Tenant, run: str) -> dict[str, Any]:
    answered = await planner.call(tenant, "GET", f"/automation/runs/{run}/")
    assert answered.status_code == 200, answered.text
    data: dict[str, Any] = answered.json()["data"]
    return data


def counts(run: dict[str, Any]) -> list[tuple[str, int, int, float]]:
    return [(each["status"], each["done"], each["failed"], each["credits"]) for each in run["stages"]]


WHOLE = [
    ("finished", 1, 0, 10),
    ("finished", 2, 0, 4),
    ("finished", 4, 0, 0),
    ("finished", 4, 0, 4),
    ("finished", 4, 0, 4),
    ("finished", 8, 0, 8),
    ("finished", 4, 0, 0),
]


class TestARun:
    async def test_goes_from_keywords_to_published_articles(
        self, planner: Parts, tenant: Tenant, others: Others
    ) -> None:
        await add_keywords(planner, tenant, *KEYWORDS)
        run = await start(planner, tenant)
        await others.settle()
        ended = await shown(planner, tenant, run)
        assert ended["status"] == "completed", (
            ended,
            await planner.call(tenant, "GET", f"/automation/runs/{run}/log/"),
        )
        assert counts(ended) == WHOLE
        assert ended["credits"] == 30
        queued = [idea for said in await planner.said(tenant, IdeasQueued) for idea in said.ideas]
        assert len(queued) == 4
        assert {idea.word_count for idea in queued} == {400}
        ideas = (await planner.call(tenant, "GET", "/planner/ideas/", status="done")).json()["data"]
        assert ideas["count"] == 4

    async def test_gives_the_same_totals_whatever_the_order(
        self, planner: Parts, tenant: Tenant, others: Others
    ) -> None:
        shuffled = random.Random(8)

        def twice_and_shuffled(answers: list[Contract]) -> list[Contract]:
            return shuffled.sample(answers * 2, 2 * len(answers))

        others.order = twice_and_shuffled
        await add_keywords(planner, tenant, *KEYWORDS)
        run = await start(planner, tenant)
        await others.settle()
        assert counts(await shown(planner, tenant, run)) == WHOLE

    async def test_heard_and_projected_again_changes_nothing(
        self, planner: Parts, tenant: Tenant, others: Others
    ) -> None:
        await add_keywords(planner, tenant, *KEYWORDS)
        await start(planner, tenant)
        await others.settle()
        before = await planner.tables(tenant)
        await planner.hear_everything_again()
        await planner.project_again(tenant)
        assert await planner.tables(tenant) == before

    async def test_a_repeated_request_starts_one_run(self, planner: Parts, tenant: Tenant) -> None:
        await add_keywords(planner, tenant, *KEYWORDS)
        await start(planner, tenant)
        started = await planner.said(tenant, PipelineStageStarted)
        assert [stage.stage for stage in started] == [1]

    async def test_without_anything_to_do_is_over_at_once(self, planner: Parts, tenant: Tenant) -> None:
        ended = await shown(planner, tenant, await start(planner, tenant))
        assert ended["status"] == "completed"
        assert {stage["items"] for stage in ended["stages"]} == {0}

    async def test_takes_only_what_another_run_left(
        self, planner: Parts, tenant: Tenant, others: Others
    ) -> None:
        await add_keywords(planner, tenant, *KEYWORDS)
        await start(planner, tenant)
        await others.settle()
        before = (await planner.call(tenant, "GET", "/planner/clusters/")).json()["data"]["count"]
        await add_keywords(planner, tenant, "lease a crane", "lease a used crane", "crane lease cost")
        run = await start(planner, tenant, articles=None, caps={"3": 1})
        await others.settle()
        ended = await shown(planner, tenant, run)
        assert ended["status"] == "completed"
        assert ended["stages"][6]["done"] == 1
        after = (await planner.call(tenant, "GET", "/planner/clusters/")).json()["data"]["count"]
        assert after in (before, before + 1)


class TestFailures:
    async def test_an_item_that_fails_does_not_hold_up_the_others(
        self, planner: Parts, tenant: Tenant, others: Others
    ) -> None:
        await add_keywords(planner, tenant, *KEYWORDS)
        others.order = lambda answers: [self._spoil(others, answer) for answer in answers]
        run = await start(planner, tenant)
        await others.settle()
        ended = await shown(planner, tenant, run)
        assert ended["status"] == "completed"
        assert [(stage["done"], stage["failed"]) for stage in ended["stages"]][3:] == [
            (3, 1),
            (3, 0),
            (6, 0),
            (3, 0),
        ]
        others.fails.clear()
        others.order = list
        retried = await planner.call(tenant, "POST", f"/automation/runs/{run}/retry/", {})
        assert retried.status_code == 201, retried.text
        await others.settle()
        again = await shown(planner, tenant, retried.json()["data"]["id"])
        assert again["status"] == "completed"
        assert again["retry_of"] == run
        assert counts(again)[2:] == [
            ("skipped", 0, 0, 0),
            ("finished", 1, 0, 1),
            ("finished", 1, 0, 1),
            ("finished", 2, 0, 2),
            ("finished", 1, 0, 0),
        ]

    @staticmethod
    def _spoil(others: Others, answer: Contract) -> Contract:
        """The first task that the planner hears of will fail."""
        if not others.fails and (tasks := getattr(answer, "tasks", None)):
            others.fails.add(tasks[0].task_id)
        return answer

    async def test_refused_credits_stop_the_run(self, planner: Parts, tenant: Tenant, others: Others) -> None:
        await add_keywords(planner, tenant, *KEYWORDS)
        others.refuse = True
        run = await start(planner, tenant)
        await others.settle()
        ended = await shown(planner, tenant, run)
        assert ended["status"] == "failed"
        assert ended["reason"] == "1 of 1 items failed in stage 1"
        log = (await planner.call(tenant, "GET", f"/automation/runs/{run}/log/")).json()["data"]["results"]
        assert any("INSUFFICIENT_CREDITS" in entry["message"] for entry in log)
        others.refuse = False
        retried = await planner.call(tenant, "POST", f"/automation/runs/{run}/retry/", {"stage": 1})
        await others.settle()
        assert counts(await shown(planner, tenant, retried.json()["data"]["id"])) == WHOLE

    async def test_a_spent_budget_stops_the_run(self, planner: Parts, tenant: Tenant, others: Others) -> None:
        await add_keywords(planner, tenant, *KEYWORDS)
        run = await start(planner, tenant, budget=12)
        await others.settle()
        ended = await shown(planner, tenant, run)
        assert (ended["status"], ended["credits"]) == ("failed", 14)
        assert ended["reason"] == "the budget was spent before stage 4"
        assert ended["settings"]["budget"] == 12


class TestSteering:
    async def test_a_paused_run_goes_on_where_it_was(
        self, planner: Parts, tenant: Tenant, others: Others
    ) -> None:
        await add_keywords(planner, tenant, *KEYWORDS)
        run = await start(planner, tenant)
        paused = await planner.call(tenant, "POST", f"/automation/runs/{run}/pause/")
        assert paused.json()["data"]["status"] == "paused"
        await others.settle()
        waiting = await shown(planner, tenant, run)
        assert [stage["status"] for stage in waiting["stages"]] == ["finished"] + ["waiting"] * 6
        await planner.call(tenant, "POST", f"/automation/runs/{run}/resume/")
        await others.settle()
        assert counts(await shown(planner, tenant, run)) == WHOLE

    async def test_a_cancelled_run_does_nothing_more(
        self, planner: Parts, tenant: Tenant, others: Others
    ) -> None:
        await add_keywords(planner, tenant, *KEYWORDS)
        run = await start(planner, tenant)
        cancelled = await planner.call(tenant, "POST", f"/automation/runs/{run}/cancel/")
        assert cancelled.json()["data"]["status"] == "cancelled"
        await others.settle()
        unclustered = await planner.call(tenant, "GET", "/planner/keywords/", status="new")
        assert unclustered.json()["data"]["count"] == len(KEYWORDS)
        assert not await planner.said(tenant, PipelineRunFinished)
        refused = await planner.call(tenant, "POST", f"/automation/runs/{run}/resume/")
        assert (refused.status_code, refused.json()["error_code"]) == (409, "INVALID_TRANSITION")

    async def test_a_run_without_auto_approve_waits_for_a_person(
        self, planner: Parts, tenant: Tenant, others: Others
    ) -> None:
        await add_keywords(planner, tenant, *KEYWORDS)
        run = await start(planner, tenant, auto_approve=False, articles=3)
        await others.settle()
        assert (await shown(planner, tenant, run))["stages"][6]["status"] == "running"
        queued = [idea for said in await planner.said(tenant, IdeasQueued) for idea in said.ideas]
        first, second, third = (content_of(task_of(idea.idea_id)) for idea in queued)
        await planner.hear(
            tenant, ContentRejected(content_id=first, version=1, title="T", reason="too short")
        )
        # The person had it written again, so that the writer knows of no run.
        published = {"version": 2, "site_id": tenant.site, "external_id": "1", "external_url": "u"}
        await planner.hear(tenant, ContentPublished(content_id=second, **published))  # type: ignore[arg-type]
        waiting = await shown(planner, tenant, run)
        assert (waiting["status"], waiting["stages"][6]["done"]) == ("running", 1)
        await planner.hear(tenant, ContentArchived(content_id=third))
        ended = await shown(planner, tenant, run)
        assert (ended["status"], ended["stages"][6]["failed"]) == ("failed", 2)
        async with planner.database.transaction(tenant.id) as tx:
            failed = sa.select(items.c.item_id, items.c.error_code).where(items.c.status == "failed")
            codes = {row["item_id"]: row["error_code"] for row in await tx.all(failed)}
        assert codes == {first: "REJECTED", third: "ARCHIVED"}

    async def test_a_publication_of_no_run_that_fails_ends_what_a_run_waits_for(
        self, planner: Parts, tenant: Tenant, others: Others
    ) -> None:
        await add_keywords(planner, tenant, *KEYWORDS)
        run = await start(planner, tenant, auto_approve=False, articles=1)
        await others.settle()
        ((idea,),) = [said.ideas for said in await planner.said(tenant, IdeasQueued)]
        failed = PublishFailed(
            content_id=content_of(task_of(idea.idea_id)),
            version=1,
            site_id=tenant.site,
            error_code="401",
            message="wrong password",
        )
        await planner.hear(tenant, failed)
        ended = await shown(planner, tenant, run)
        assert (ended["status"], ended["stages"][6]["failed"]) == ("failed", 1)

    async def test_a_retry_that_begins_with_images_hears_that_their_article_is_archived(
        self, planner: Parts, tenant: Tenant, others: Others
    ) -> None:
        await add_keywords(planner, tenant, *KEYWORDS)
        others.order = lambda answers: [
            each for each in answers if not isinstance(each, ImagesGenerated | ContentSubmittedForReview)
        ]
        run = await start(planner, tenant, articles=1)
        await others.settle()
        await planner.call(tenant, "POST", f"/automation/runs/{run}/cancel/")
        retried = await planner.call(tenant, "POST", f"/automation/runs/{run}/retry/", {})
        again = retried.json()["data"]["id"]
        (content,) = set(others.contents.values())
        await planner.hear(tenant, ContentArchived(content_id=new_id()), ContentArchived(content_id=content))
        log = (await planner.call(tenant, "GET", f"/automation/runs/{again}/log/")).json()["data"]["results"]
        dropped = [entry["item_id"] for entry in log if entry["message"] == "The article was archived."]
        assert dropped == [str(content)]


class TestTenants:
    @pytest.mark.parametrize("action", ["", "log/", "pause/", "resume/", "cancel/", "retry/"])
    async def test_a_strangers_run_is_not_there(self, planner: Parts, tenant: Tenant, action: str) -> None:
        stranger = await new_tenant(planner)
        run = await start(planner, tenant)
        method = "GET" if action in ("", "log/") else "POST"
        answered = await planner.call(stranger, method, f"/automation/runs/{run}/{action}")
        assert answered.status_code == 404, answered.text
