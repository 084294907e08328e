"""What a plan allows of AI requests, words and images in a month: the writer and billing as they are, one the other's peer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from billing.app import SERVICE as BILLING
from billing.app import publish_default_card
from billing.entitlements.decisions import ENTITLEMENTS, PutOnPlan
from common.contracts.billing import Limits
from common.contracts.operations import AIOperationFailed, AIOperationRequested
from common.contracts.writer import ContentGenerated, TaskFailed, TasksCreated
from common.database import Transaction
from common.ids import new_id
from common.messaging.envelope import headers_of
from common.messaging.inbox import Message

from tests.integration.writer.conftest import queued
from tests.integration.writer.service_parts import Parts, Tenant, running
from tests.integration.writer.test_writer_api import tasks_of
from tests.integration.writer.test_writer_pipeline import TITLES, stage
from tests.support.database import ServiceUrls

WRITE = "/writer/tasks/auto_generate_content/"
ANY_NUMBER = dict.fromkeys(Limits.__struct_fields__)
MOST = 500
"""Words that are reserved for an article of 400."""


@dataclass
class Pair:
    """What each of the two says comes to the other as the relay and the inbox would bring it."""

    writer: Parts
    billing: Parts
    tenant: Tenant
    known: dict[str, int] = field(default_factory=dict)

    async def allow(self, **limits: int) -> None:
        command = PutOnPlan("tight", Limits(**{**ANY_NUMBER, **limits}))

        async def work(tx: Transaction) -> None:
            await tx.handle(ENTITLEMENTS, self.tenant.id, command)

        await self.billing.database.run(self.tenant.id, work)
        await self.hears(self.writer, self.billing)

    async def hears(self, listener: Parts, speaker: Parts) -> int:
        """All that is new; returns how much it was."""
        facts, name = await speaker.facts(self.tenant), speaker.service.name
        new, self.known[name] = facts[self.known.get(name, 0) :], len(facts)
        messages = []
        for fact in new:
            contract = speaker.service.model.publish(fact)
            if contract is not None:
                _, headers, value = headers_of(contract, name, fact, None)
                messages.append(Message(f"igny8.{name}.events", 0, next(listener._offsets), headers, value))
        await listener.inbox.take(messages)
        async with listener.database.transaction(self.tenant.id) as tx:
            parked = await tx.all("SELECT * FROM dead_letters")
        assert not parked, parked
        return len(messages)

    async def settle(self) -> None:
        """Until nobody has anything to say."""
        while True:
            said = await self.hears(self.billing, self.writer) + await self.hears(self.writer, self.billing)
            if not await self.writer.work() and not said:
                return

    async def write(self, *ids: str) -> httpx.Response:
        return await self.writer.call(self.tenant, "POST", WRITE, {"task_ids": ids})

    async def used(self) -> dict[str, int]:
        """As both have it."""
        columns = "ai_requests, words, images"
        async with self.billing.database.transaction(self.tenant.id) as tx:
            (row,) = await tx.all(f"SELECT {columns} FROM monthly_use")
        async with self.writer.database.transaction(self.tenant.id) as tx:
            assert await tx.all(f"SELECT {columns} FROM replica_monthly_use") == [row]
        return dict(row)


@pytest.fixture
async def pair(
    writer: Parts,
    tenant: Tenant,
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]],
    tmp_path: Path,
) -> AsyncIterator[Pair]:
    directory = tmp_path / "billing"
    directory.mkdir()
    with service_database("billing") as urls:
        async with running(BILLING, urls, directory) as billing:
            await publish_default_card(billing.database)
            await billing.register(replace(tenant, version=0))
            yield Pair(writer, billing, tenant)


def refused(answer: httpx.Response, of: str, used: int, limit: int) -> bool:
    told: dict[str, Any] = answer.json()
    return (answer.status_code, told["error_code"], told.get("details")) == (
        403,
        "PLAN_LIMIT_REACHED",
        {"of": of, "used": used, "limit": limit},
    )


async def test_what_was_written_counts_and_what_would_be_too_much_does_not_start(pair: Pair) -> None:
    first, second, third = await tasks_of(pair.writer, pair.tenant, "Leasing", "Renting", "Buying")
    await pair.allow(words=2 * MOST)
    assert (await pair.write(first, second)).status_code == 202
    await pair.settle()
    articles = await pair.writer.said(pair.tenant, ContentGenerated)
    written = sum(article.words for article in articles)
    assert MOST < written <= 2 * MOST
    assert await pair.used() == {"ai_requests": 2, "words": written, "images": 0}
    asked = len(await pair.writer.said(pair.tenant, AIOperationRequested))
    answer = await pair.write(third)
    assert refused(answer, "words", written, 2 * MOST), answer.text
    assert len(await pair.writer.said(pair.tenant, AIOperationRequested)) == asked, "nothing is recorded"
    task = await pair.writer.call(pair.tenant, "GET", f"/writer/tasks/{third}/")
    assert task.json()["data"]["status"] == "queued"
    await pair.allow(words=written + MOST)
    assert (await pair.write(third)).status_code == 202


async def test_of_20_racing_articles_as_many_as_the_plan_allows_are_written(pair: Pair) -> None:
    """None of them has heard of the others: it is billing that holds the limit."""
    ids = await tasks_of(pair.writer, pair.tenant, *(f"Crane {number}" for number in range(20)))
    await pair.allow(ai_requests=3)
    answers = await asyncio.gather(*(pair.write(id) for id in ids))
    assert {answer.status_code for answer in answers} == {202}
    await pair.settle()
    assert len(await pair.writer.said(pair.tenant, ContentGenerated)) == 3
    failed = await pair.writer.said(pair.tenant, AIOperationFailed)
    assert [(each.item_id, each.error_code) for each in failed] == [(None, "PLAN_LIMIT_REACHED")] * 17
    assert "allows 3 AI requests a month, 3 are used" in failed[-1].message
    tasks = await pair.writer.call(pair.tenant, "GET", "/writer/tasks/", status="failed")
    assert tasks.json()["data"]["count"] == 17
    assert {task["error_code"] for task in tasks.json()["data"]["results"]} == {"PLAN_LIMIT_REACHED"}
    assert (await pair.used())["ai_requests"] == 3
    async with pair.writer.database.transaction(pair.tenant.id) as tx:
        query = (
            "SELECT count(*) FROM operations WHERE status = 'refused' AND error_code = 'PLAN_LIMIT_REACHED'"
        )
        assert await tx.scalar(query) == 17


async def test_images_above_the_limit_are_refused(pair: Pair) -> None:
    (task,) = await tasks_of(pair.writer, pair.tenant, "Leasing")
    await pair.write(task)
    await pair.settle()
    listed = (await pair.writer.call(pair.tenant, "GET", "/writer/content/")).json()["data"]["results"]
    image = {"content_id": listed[0]["id"], "prompt": "A yard"}
    made = [await pair.writer.call(pair.tenant, "POST", "/writer/images/", image) for _ in range(2)]
    ids = [answer.json()["data"]["id"] for answer in made]
    await pair.allow(images=1)
    path = "/writer/images/generate_images/"
    answer = await pair.writer.call(pair.tenant, "POST", path, {"image_ids": ids})
    assert refused(answer, "images", 0, 1)
    for id, status in zip(ids, (202, 403), strict=True):
        answer = await pair.writer.call(pair.tenant, "POST", path, {"image_ids": [id]})
        assert answer.status_code == status
        await pair.settle()
    assert (await pair.used())["images"] == 1


async def test_the_items_of_a_run_end_where_there_is_no_room(pair: Pair) -> None:
    run = new_id()
    await pair.allow(ai_requests=1)
    await pair.writer.hear(pair.tenant, queued(pair.tenant, *TITLES, run_id=run))
    created = await pair.writer.said(pair.tenant, TasksCreated)
    ids: list[UUID] = [task.task_id for each in created for task in each.tasks]
    await stage(pair.writer, pair.tenant, run, 4, ids)
    await pair.settle()
    (written,) = await pair.writer.said(pair.tenant, ContentGenerated)
    (failed,) = await pair.writer.said(pair.tenant, TaskFailed)
    assert (failed.run_id, failed.error_code) == (run, "PLAN_LIMIT_REACHED")
    assert {written.task_id, failed.task_id} == set(ids)
    (ended,) = await pair.writer.said(pair.tenant, AIOperationFailed)
    assert (ended.run_id, ended.error_code) == (run, "PLAN_LIMIT_REACHED")
    assert (await pair.used())["ai_requests"] == 1


async def test_what_failed_counts_nothing(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    (task,) = await tasks_of(pair.writer, pair.tenant, "Leasing")
    await pair.allow(ai_requests=1)
    answer = await pair.write(task)
    await pair.hears(pair.billing, pair.writer)
    await pair.hears(pair.writer, pair.billing)
    assert await pair.used() == {"ai_requests": 1, "words": MOST, "images": 0}
    operation = UUID(answer.json()["data"]["task_id"])
    (job,) = await pair.writer.due()
    handler = next(found for found in pair.writer.handlers if found.job.name == job["task_name"])
    assert handler.give_up is not None
    await handler.give_up(pair.writer.attempt(job), RuntimeError("no answer"))
    await pair.writer.done(job)
    await pair.settle()
    (failed,) = await pair.writer.said(pair.tenant, AIOperationFailed)
    assert failed.operation_id == operation
    assert await pair.used() == {"ai_requests": 0, "words": 0, "images": 0}


async def test_what_another_month_has_used_stops_nothing(pair: Pair) -> None:
    ids = await tasks_of(pair.writer, pair.tenant, "Leasing")
    await pair.allow(words=MOST)
    async with pair.writer.database.transaction(pair.tenant.id) as tx:
        await tx.execute(
            "INSERT INTO replica_monthly_use VALUES (%(id)s, 0, '2001-01', 9, 9000, 9)",
            {"id": pair.tenant.id},
        )
    assert (await pair.write(*ids)).status_code == 202
    await pair.settle()
    assert len(await pair.writer.said(pair.tenant, ContentGenerated)) == 1
