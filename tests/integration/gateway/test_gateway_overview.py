"""The views over all services: what they answer, to whom, and that they are what the facts say."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from common.contracts import Contract
from common.contracts.billing import CreditsDeducted, CreditsRefused
from common.contracts.operations import (
    AIOperationFailed,
    AIOperationRequested,
    Charge,
    OperationItem,
    Usage,
)
from common.contracts.planner import (
    IdeasChanged,
    IdeaTitle,
    KeywordItem,
    KeywordsArchived,
    KeywordsChanged,
    PipelineRunPaused,
    PipelineRunStarted,
    PipelineStageFinished,
    PipelineStageStarted,
)
from common.contracts.publisher import ContentPublished, ContentUnpublished
from common.contracts.writer import (
    ContentChanged,
    ContentGenerated,
    ContentSubmittedForReview,
    TaskFailed,
    TaskItem,
    TasksArchived,
    TasksChanged,
    TasksCreated,
    TasksRestored,
)
from common.database import Transaction
from common.eventsourcing.rebuild import rebuild
from common.ids import new_id
from common.messaging.envelope import Heard
from common.operate.projections import verify
from gateway.app import MODEL
from gateway.overview.reactions import seen
from gateway.overview.views import PROJECTION, entries, lexeme

from tests.integration.gateway.running import Gateway, Tenant
from tests.support import events

NOW = datetime.now(UTC)
CHARGE = Charge(kind="ideas", units=1)
USAGE = Usage(provider="local", model="local")
TABLES = ("entries", "counts", "positions", "spellings")


class Place:
    """A site with a sector, and what the services say of it."""

    def __init__(self) -> None:
        self.site, self.sector = new_id(), new_id()
        self.keyword, self.idea, self.content = new_id(), new_id(), new_id()
        self.operation, self.run = new_id(), new_id()

    @property
    def named(self) -> dict[str, Any]:
        return {"site_id": self.site, "sector_id": self.sector}

    def said(self) -> list[tuple[str, int, Contract]]:
        """Source, version in its stream, contract."""
        good, bad, open_ = new_id(), new_id(), new_id()
        keyword = KeywordItem(keyword_id=self.keyword, keyword="Crane financing")
        mapped = KeywordItem(keyword_id=self.keyword, keyword="Crane financing", status="mapped")
        gone = KeywordItem(keyword_id=new_id(), keyword="Crane toys")
        items = tuple(OperationItem(item_id=id, charge=CHARGE) for id in (good, bad, open_))
        title = IdeaTitle(idea_id=self.idea, title="How crane leasing works", status="rejected")
        function: dict[str, Any] = {"operation_id": self.operation, "function": "generate_content"}
        cost: dict[str, Any] = {"amount": 1_500, "balance": 0, "available": 0}
        article: dict[str, Any] = {"content_id": self.content, "title": "Crane rental guide"}
        run: dict[str, Any] = {"run_id": self.run}
        stage: dict[str, Any] = {"run_id": self.run, "stage": 1}
        external: dict[str, Any] = {"external_id": "1", "external_url": "https://example.com/1"}
        return [
            ("planner", 1, KeywordsChanged(keywords=(keyword, gone), **self.named)),
            ("planner", 2, KeywordsChanged(keywords=(mapped,), **self.named)),
            ("planner", 3, KeywordsArchived(keyword_ids=(gone.keyword_id,), **self.named)),
            ("planner", 1, IdeasChanged(ideas=(title,), **self.named)),
            ("writer", 1, AIOperationRequested(**function, items=items, maximum=9, **self.named)),
            ("writer", 2, AIOperationFailed(**function, item_id=bad, error_code="X", message="")),
            (
                "writer",
                1,
                ContentGenerated(
                    operation_id=self.operation,
                    item_id=good,
                    task_id=good,
                    words=700,
                    usage=USAGE,
                    charge=CHARGE,
                    **article,
                    **self.named,
                ),
            ),
            ("billing", 1, CreditsDeducted(**function, item_id=good, **cost)),
            ("writer", 2, ContentSubmittedForReview(version=1, **article)),
            (
                "publisher",
                1,
                ContentPublished(content_id=self.content, version=1, site_id=self.site, **external),
            ),
            ("planner", 1, PipelineRunStarted(**run, auto_approve=True, **self.named)),
            ("planner", 2, PipelineStageStarted(**stage, items=(good, bad), **self.named)),
            ("planner", 3, PipelineStageFinished(**stage, items=2, failed=1, credits=0)),
            ("planner", 4, PipelineRunPaused(**run)),
        ]


def heard(account_id: UUID, said: list[tuple[str, int, Contract]]) -> list[Heard[Any]]:
    return [
        events.heard(account_id, contract, version, source=source, time=NOW + timedelta(milliseconds=number))
        for number, (source, version, contract) in enumerate(said)
    ]


async def take(gateway: Gateway, events: list[Heard[Any]]) -> None:
    for event in events:

        async def work(tx: Transaction, event: Heard[Any] = event) -> None:
            await seen.handle(event, tx)

        await gateway.runtime.database.run(event.account_id, work)


async def ask(tenant: Tenant, path: str, **parameters: Any) -> Any:
    async with tenant.client() as client:
        response = await client.get(f"/api/v1/{path}/", params=parameters)
    assert response.status_code == 200, response.text
    return response.json()["data"]


async def titles(tenant: Tenant, q: str, **parameters: Any) -> list[str]:
    groups = (await ask(tenant, "search", q=q, **parameters))["groups"]
    return [result["title"] for group in groups for result in group["results"]]


async def rows(gateway: Gateway, account_id: UUID, *tables: str) -> Counter[str]:
    """What stands in the tables, but for the account's own id and for counts that came to nothing."""
    counted: Counter[str] = Counter()
    async with gateway.runtime.database.transaction(account_id) as tx:
        for table in tables:
            counts = "entries <> 0" if table == "counts" else "true"
            query = f"SELECT (to_jsonb(t) - 'account_id')::text AS row FROM overview_{table} t WHERE {counts}"
            found = await tx.all(query)
            counted.update(f"{table} {each['row']}".replace(account_id.hex, "") for each in found)
    return counted


@pytest.fixture
async def place(gateway: Gateway, tenant: Tenant) -> Place:
    made = Place()
    await take(gateway, heard(tenant.account_id, made.said()))
    return made


class TestTheDashboard:
    async def test_counts_what_there_is(self, tenant: Tenant, place: Place) -> None:
        pipeline = (await ask(tenant, "dashboard"))["workflow_pipeline"]
        by_kind = {stage["kind"]: (stage["total"], stage["by_status"]) for stage in pipeline}
        assert by_kind == {
            "keyword": (1, {"mapped": 1}),
            "cluster": (0, {}),
            "idea": (1, {"rejected": 1}),
            "task": (0, {}),
            "content": (1, {"published": 1}),
            "image": (0, {}),
        }

    async def test_counts_the_items_of_operations_and_their_credits(
        self, gateway: Gateway, tenant: Tenant, place: Place
    ) -> None:
        (operation,) = (await ask(tenant, "dashboard"))["ai_operations"]
        assert operation == {
            "function": "generate_content",
            "by_status": {"succeeded": 1, "failed": 1, "running": 1},
            "credits": 1.5,
        }
        ended = AIOperationFailed(
            operation_id=place.operation,
            function="generate_content",
            item_id=None,
            error_code="X",
            message="",
        )
        await take(gateway, heard(tenant.account_id, [("writer", 3, ended)]))
        (operation,) = (await ask(tenant, "dashboard"))["ai_operations"]
        assert operation["by_status"] == {"succeeded": 1, "failed": 2}

    async def test_counts_nothing_as_running_whose_end_was_heard_first(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        place = Place()
        named: dict[str, Any] = {"operation_id": place.operation, "function": "generate_content"}
        items = tuple(OperationItem(item_id=new_id(), charge=CHARGE) for _ in range(2))
        refused = CreditsRefused(operation_id=place.operation, needed=9, available=0)
        failed = AIOperationFailed(
            **named, item_id=None, error_code="INSUFFICIENT_CREDITS", message="Not enough."
        )
        said: list[tuple[str, int, Contract]] = [
            ("billing", 1, refused),
            ("writer", 1, AIOperationRequested(**named, items=items, maximum=9, **place.named)),
            ("writer", 2, failed),
        ]
        await take(gateway, heard(tenant.account_id, said))
        (operation,) = (await ask(tenant, "dashboard"))["ai_operations"]
        assert operation["by_status"] == {"refused": 2}

    async def test_tells_the_newest_activity_first(self, tenant: Tenant, place: Place) -> None:
        activity = (await ask(tenant, "dashboard", activity=3))["recent_activity"]
        assert [each["event"] for each in activity] == [
            "PipelineRunPaused",
            "PipelineStageFinished",
            "PipelineStageStarted",
        ]
        everything = (await ask(tenant, "dashboard", activity=100))["recent_activity"]
        by_name = {each["event"]: each for each in everything}
        assert "CreditsDeducted" not in by_name
        submitted = by_name["ContentSubmittedForReview"]
        assert (submitted["title"], submitted["site_id"]) == ("Crane rental guide", str(place.site))

    async def test_has_a_velocity_for_each_day(self, tenant: Tenant, place: Place) -> None:
        velocity = (await ask(tenant, "dashboard", days=3))["content_velocity"]
        assert len(velocity) == 3
        totals = {name: sum(day[name] for day in velocity) for name in ("created", "words", "published")}
        assert totals == {"created": 1, "words": 700, "published": 1}

    async def test_shows_how_runs_go(self, tenant: Tenant, place: Place) -> None:
        automation = (await ask(tenant, "dashboard"))["automation_status"]
        assert automation["by_status"] == {"paused": 1}
        (run,) = automation["latest"]
        assert (run["run_id"], run["status"]) == (str(place.run), "paused")
        assert run["stages"] == [{"stage": 1, "status": "finished", "items": 2, "failed": 1}]

    async def test_says_how_far_each_source_was_heard(self, tenant: Tenant, place: Place) -> None:
        positions = {each["source"]: each["events"] for each in (await ask(tenant, "dashboard"))["as_of"]}
        assert positions == {"planner": 8, "writer": 4, "billing": 1, "publisher": 1}
        assert (await ask(tenant, "search", q="x"))["as_of"] == (await ask(tenant, "dashboard"))["as_of"]

    async def test_is_of_a_site_or_a_sector(self, gateway: Gateway, tenant: Tenant, place: Place) -> None:
        other = Place()
        await take(gateway, heard(tenant.account_id, other.said()))

        def counted(data: Any) -> list[int]:
            return [stage["total"] for stage in data["workflow_pipeline"]]

        both = await ask(tenant, "dashboard", activity=100)
        assert counted(both) == [2, 0, 2, 0, 2, 0]
        for filter in ({"site_id": other.site}, {"sector_id": other.sector}):
            one = await ask(tenant, "dashboard", activity=100, **filter)
            assert counted(one) == [1, 0, 1, 0, 1, 0]
            assert {each["site_id"] for each in one["recent_activity"]} == {str(other.site)}
            assert [run["run_id"] for run in one["automation_status"]["latest"]] == [str(other.run)]

    async def test_an_edited_article_is_a_draft_again_and_one_taken_down_is_not_published(
        self, gateway: Gateway, tenant: Tenant, place: Place
    ) -> None:
        async def status() -> Any:
            pipeline = (await ask(tenant, "dashboard"))["workflow_pipeline"]
            return next(stage["by_status"] for stage in pipeline if stage["kind"] == "content")

        down = ContentUnpublished(content_id=place.content, version=1, site_id=place.site)
        await take(gateway, heard(tenant.account_id, [("publisher", 2, down)]))
        assert await status() == {"review": 1}
        edited = ContentChanged(
            content_id=place.content, version=2, title="Crane rental guide", status="draft", **place.named
        )
        await take(gateway, heard(tenant.account_id, [("writer", 3, edited)]))
        assert await status() == {"draft": 1}

    @pytest.mark.parametrize("versions", [(1, 2), (None, None)], ids=["with versions", "without"])
    async def test_an_article_that_is_written_anew_is_a_draft_until_that_is_published(
        self, gateway: Gateway, versions: tuple[int | None, int | None]
    ) -> None:
        """What the writer said before it named the version comes right, too."""
        place = Place()
        article: dict[str, Any] = {"content_id": place.content, "title": "Crane rental guide"}

        def written(version: int | None) -> ContentGenerated:
            made: dict[str, Any] = {"operation_id": new_id(), "item_id": place.idea, "task_id": place.idea}
            cost: dict[str, Any] = {"words": 700, "usage": USAGE, "charge": CHARGE}
            return ContentGenerated(**article, **made, **cost, **place.named, version=version)

        def published(version: int) -> ContentPublished:
            external: dict[str, Any] = {"external_id": "1", "external_url": "https://example.com/1"}
            return ContentPublished(content_id=place.content, version=version, site_id=place.site, **external)

        said: list[tuple[str, int, Contract]] = [
            ("writer", 1, written(versions[0])),
            ("writer", 2, ContentSubmittedForReview(version=1, **article)),
            ("publisher", 1, published(1)),
            ("writer", 5, written(versions[1])),
            ("writer", 6, ContentSubmittedForReview(version=2, **article)),
            ("publisher", 2, published(2)),
        ]
        for length, status in enumerate(("draft", "review", "published", "draft", "review", "published"), 1):
            for seed in range(3):
                tenant = await gateway.register()
                events = heard(tenant.account_id, said[:length])
                random.Random(seed).shuffle(events)
                await take(gateway, events)
                pipeline = (await ask(tenant, "dashboard"))["workflow_pipeline"]
                (counted,) = (each["by_status"] for each in pipeline if each["kind"] == "content")
                assert counted == {status: 1}, (length, seed)
                (group,) = (await ask(tenant, "search", q="crane", kind="content"))["groups"]
                assert [result["status"] for result in group["results"]] == [status]


class TestTheSearch:
    async def test_finds_words_of_all_kinds_and_marks_them(self, tenant: Tenant, place: Place) -> None:
        groups = {each["kind"]: each for each in (await ask(tenant, "search", q="CRANE"))["groups"]}
        assert list(groups) == ["keyword", "cluster", "idea", "task", "content"]
        assert {kind: len(group["results"]) for kind, group in groups.items()} == {
            "keyword": 1,  # the other one is archived
            "cluster": 0,
            "idea": 1,
            "task": 0,
            "content": 1,
        }
        (article,) = groups["content"]["results"]
        assert article["highlight"] == "<mark>Crane</mark> rental guide"
        assert (article["id"], article["status"]) == (str(place.content), "published")
        assert (article["match"], article["site_id"]) == ("exact", str(place.site))

    async def test_finds_what_begins_so_or_was_mistyped(self, tenant: Tenant, place: Place) -> None:
        async def matches(q: str) -> list[str]:
            (group,) = (await ask(tenant, "search", q=q, kind="content"))["groups"]
            return [result["match"] for result in group["results"]]

        assert await matches("crane rent") == ["prefix"]
        assert await matches("crnae rental") == ["similar"]
        assert await matches("crnae toys") == []

    async def test_every_word_must_be_there(self, tenant: Tenant, place: Place) -> None:
        assert await titles(tenant, "crane guide") == ["Crane rental guide"]
        assert await titles(tenant, "crane guide helicopter") == []
        assert await titles(tenant, "'; & | ! :* ()") == []

    async def test_says_when_there_is_more(self, gateway: Gateway, tenant: Tenant) -> None:
        place = Place()
        named = tuple(KeywordItem(keyword_id=new_id(), keyword=f"lorry {n}") for n in range(5))
        said = KeywordsChanged(keywords=named, **place.named)
        await take(gateway, heard(tenant.account_id, [("planner", 1, said)]))
        for limit, more in ((4, True), (5, False)):
            (group,) = (await ask(tenant, "search", q="lorry", kind="keyword", limit=limit))["groups"]
            assert (len(group["results"]), group["more"]) == (limit, more)


class TestWhoSeesIt:
    async def test_another_tenant_sees_nothing(self, gateway: Gateway, tenant: Tenant, place: Place) -> None:
        other = await gateway.register()
        assert await titles(other, "crane") == []
        assert await titles(other, "crnae") == []
        assert await titles(other, "crane", site_id=place.site) == []
        seen = await ask(other, "dashboard", site_id=place.site)
        assert (seen["recent_activity"], seen["as_of"]) == ([], [])
        assert {stage["total"] for stage in seen["workflow_pipeline"]} == {0}

    async def test_the_owners_function_looks_into_its_callers_account_only(
        self, gateway: Gateway, tenant: Tenant, place: Place
    ) -> None:
        other = await gateway.register()
        wanted = {"content": f"'{lexeme(tenant.account_id, 'content', 'crane')}'"}
        for account, rows in ((tenant.account_id, 1), (other.account_id, 0)):
            async with gateway.runtime.database.transaction(account) as tx:
                query = "SELECT * FROM overview_found(%(kinds)s, %(wanted)s, NULL, NULL, NULL, 10)"
                asked = {"kinds": list(wanted), "wanted": list(wanted.values())}
                assert len(await tx.all(query, asked)) == rows

    async def test_an_editor_sees_the_granted_sites(self, gateway: Gateway, tenant: Tenant) -> None:
        async with tenant.client() as client:
            made = [
                (await client.post("/api/v1/account/sites/", json={"name": name, "domain": f"{name}.com"}))
                for name in ("one", "two")
            ]
        sites = [UUID(response.json()["data"]["id"]) for response in made]
        for site in sites:
            place = Place()
            place.site = site
            await take(gateway, heard(tenant.account_id, place.said()))
        editor = await tenant.invite("editor", [str(sites[0])])
        assert await titles(tenant, "guide") == ["Crane rental guide"] * 2
        assert await titles(editor, "guide") == ["Crane rental guide"]
        assert await titles(editor, "guide", site_id=sites[1]) == []
        seen = await ask(editor, "dashboard", activity=100)
        assert {each["site_id"] for each in seen["recent_activity"]} == {str(sites[0])}
        assert [stage["total"] for stage in seen["workflow_pipeline"]] == [1, 0, 1, 0, 1, 0]


class TestTheViews:
    async def test_are_the_same_in_any_order_and_when_all_is_heard_again(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        other = await gateway.register()
        place = Place()
        said = place.said()
        here, there = heard(tenant.account_id, said), heard(other.account_id, said)
        random.Random(7).shuffle(there)
        await take(gateway, [*here, *here])
        await take(gateway, there)
        one = await rows(gateway, tenant.account_id, *TABLES)
        assert one == await rows(gateway, other.account_id, *TABLES)
        assert sum(one.values()) > 30

    async def test_know_of_each_column_who_spoke_last(self, gateway: Gateway) -> None:
        """Whoever speaks of one column only says nothing of who is right about the others."""
        task = new_id()
        old, new = (
            TaskItem(
                task_id=task,
                title=f"{word} title",
                cluster_id=new_id(),
                idea_id=None,
                content_type="post",
                content_structure="guide",
                word_count=700,
            )
            for word in ("Old", "New")
        )
        for order in permutations(range(3)):
            tenant = await gateway.register()
            place = {"site_id": new_id(), "sector_id": new_id()}
            events = heard(
                tenant.account_id,
                [
                    ("writer", 1, TasksCreated(tasks=(old,), **place)),
                    ("writer", 2, TasksChanged(tasks=(new,), **place)),
                    (
                        "writer",
                        3,
                        TaskFailed(task_id=task, operation_id=new_id(), error_code="X", message=""),
                    ),
                ],
            )
            await take(gateway, [events[n] for n in order])
            async with gateway.runtime.database.transaction(tenant.account_id) as tx:
                row = await tx.first(sa.select(entries.c.text, entries.c.status))
            assert row == {"text": "New title", "status": "failed"}, order

    async def test_keep_activities_for_ninety_days(self, gateway: Gateway, tenant: Tenant) -> None:
        place = Place()

        async def noted() -> list[str]:
            async with gateway.runtime.database.transaction(tenant.account_id) as tx:
                found = await tx.all("SELECT said_at FROM overview_activity ORDER BY said_at")
            return [f"{NOW - row['said_at']}".partition(",")[0] for row in found]

        def said(days: int) -> list[Heard[Any]]:
            paused = PipelineRunPaused(run_id=place.run)
            time = NOW - timedelta(days=days)
            return [events.heard(tenant.account_id, paused, 1, source="planner", time=time)]

        for days in (200, 120, 100, 30):
            await take(gateway, said(days))
        assert await noted() == ["100 days", "30 days"]
        await take(gateway, said(1))
        assert await noted() == ["30 days", "1 day"]
        await take(gateway, said(110))
        assert await noted() == ["30 days", "1 day"], "what is heard too late is not noted"
        before = await rows(gateway, tenant.account_id, *TABLES, "activity")
        async with gateway.runtime.database.transaction(tenant.account_id) as tx:
            for fact in await events.stored(tx, MODEL.types, "overview-%"):
                await PROJECTION.apply(tx, [fact])
        assert await rows(gateway, tenant.account_id, *TABLES, "activity") == before, "nothing counts twice"
        assert (await verify(gateway.urls.owner, MODEL, PROJECTION)).equal

    async def test_forget_a_task_while_it_is_archived(self, gateway: Gateway, tenant: Tenant) -> None:
        task = TaskItem(
            task_id=new_id(),
            title="Forklift leasing",
            cluster_id=new_id(),
            idea_id=None,
            content_type="post",
            content_structure="guide",
            word_count=700,
        )
        made = TasksCreated(tasks=(task,), site_id=new_id(), sector_id=new_id())
        said: list[tuple[str, int, Contract]] = [
            ("writer", 2, TasksArchived(task_ids=(task.task_id,))),
            ("writer", 1, made),
        ]

        async def shown() -> tuple[list[str], int]:
            pipeline = (await ask(tenant, "dashboard"))["workflow_pipeline"]
            (total,) = (stage["total"] for stage in pipeline if stage["kind"] == "task")
            return await titles(tenant, "forklift"), total

        await take(gateway, heard(tenant.account_id, said))
        assert await shown() == ([], 0), "also where its archiving is heard first"
        await take(
            gateway, heard(tenant.account_id, [("writer", 3, TasksRestored(task_ids=(task.task_id,)))])
        )
        assert await shown() == (["Forklift leasing"], 1)
        await take(
            gateway, heard(tenant.account_id, [("writer", 4, TasksArchived(task_ids=(task.task_id,)))])
        )
        assert await shown() == ([], 0)

    async def test_change_nothing_when_a_fact_is_applied_twice(
        self, gateway: Gateway, tenant: Tenant, place: Place
    ) -> None:
        before = await rows(gateway, tenant.account_id, *TABLES, "activity")
        async with gateway.runtime.database.transaction(tenant.account_id) as tx:
            for fact in await events.stored(tx, MODEL.types, "overview-%"):
                await PROJECTION.apply(tx, [fact])
        assert await rows(gateway, tenant.account_id, *TABLES, "activity") == before

    async def test_are_what_the_facts_say_and_come_back(
        self, gateway: Gateway, tenant: Tenant, place: Place
    ) -> None:
        assert (await verify(gateway.urls.owner, MODEL, PROJECTION)).equal
        before = await rows(gateway, tenant.account_id, *TABLES, "activity")
        async with gateway.runtime.database.transaction(tenant.account_id) as tx:
            await tx.execute("UPDATE overview_counts SET entries = entries + 1")
            await tx.execute("DELETE FROM overview_entries WHERE kind = 'content'")
        assert not (await verify(gateway.urls.owner, MODEL, PROJECTION)).equal
        await rebuild(gateway.urls.owner, MODEL, PROJECTION)
        assert await rows(gateway, tenant.account_id, *TABLES, "activity") == before
