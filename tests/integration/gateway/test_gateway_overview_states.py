"""What the dashboard and the search say of each thing after each event of its life, in whatever order they are heard."""

import random
import runpy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from common.contracts import Contract
from common.contracts.operations import Charge, ObjectRef, Usage
from common.contracts.planner import (
    ClusterName,
    ClustersChanged,
    IdeaItem,
    IdeasArchived,
    IdeasChanged,
    IdeasGenerated,
    IdeasQueued,
    IdeaTitle,
    KeywordItem,
    KeywordsArchived,
    KeywordsChanged,
    PipelineRunCancelled,
    PipelineRunFinished,
    PipelineRunStarted,
    PipelineStageStarted,
)
from common.contracts.publisher import ContentPublished, ContentUnpublished
from common.contracts.writer import (
    ContentArchived,
    ContentChanged,
    ContentGenerated,
    ContentRestored,
    ContentSubmittedForReview,
    ImageAdded,
    ImageChanged,
    ImageFailed,
    ImageItem,
    ImagePromptsGenerated,
    ImagesArchived,
    ImagesGenerated,
    ImagesRestored,
    TaskCompleted,
    TaskFailed,
    TaskItem,
    TasksArchived,
    TasksChanged,
    TasksCreated,
    TaskStarted,
)
from common.database import Transaction
from common.eventsourcing.rebuild import rebuild
from common.ids import new_id
from common.operate.projections import verify
from gateway.app import MODEL
from gateway.overview.decisions import OVERVIEW
from gateway.overview.events import EntriesSeen, Entry
from gateway.overview.views import PROJECTION

from tests.integration.gateway.running import Gateway, Tenant
from tests.integration.gateway.test_gateway_overview import NOW, TABLES, ask, heard, rows, take
from tests.support import events

pytestmark = pytest.mark.usefixtures("uncounted")  # the same few lines for each order of each kind's life

USAGE = Usage(provider="local", model="local")
CHARGE = Charge(kind="image", units=1)
OBJECT = ObjectRef(sha256="ab", size=3, media_type="image/png")
MIGRATION = Path(__file__).parents[3] / "services/gateway/migrations/versions/0015_as_their_services_say.py"

Step = tuple[str, int, Contract, dict[str, int]]
"""Source, version in its stream, what is said, and how many things of the kind have which status then."""


@dataclass
class Life:
    """The ids of one thing and of what it belongs to."""

    site: UUID = field(default_factory=new_id)
    sector: UUID = field(default_factory=new_id)
    id: UUID = field(default_factory=new_id)
    other: UUID = field(default_factory=new_id)
    third: UUID = field(default_factory=new_id)
    operation: UUID = field(default_factory=new_id)

    @property
    def place(self) -> dict[str, Any]:
        return {"site_id": self.site, "sector_id": self.sector}

    @property
    def outcome(self) -> dict[str, Any]:
        return {"operation_id": self.operation, "usage": USAGE, "charge": CHARGE, **self.place}


def of_a_task(life: Life) -> list[Step]:
    def item(status: Any) -> TaskItem:
        return TaskItem(
            task_id=life.id,
            title="Crane rental",
            cluster_id=life.other,
            idea_id=None,
            content_type="post",
            content_structure="guide",
            word_count=700,
            status=status,
        )

    id, operation = {"task_id": life.id}, {"operation_id": life.operation}
    return [
        ("writer", 1, TasksCreated(tasks=(item("queued"),), **life.place), {"queued": 1}),
        ("writer", 2, TaskStarted(**id, **operation), {"in_progress": 1}),
        ("writer", 3, TaskFailed(**id, **operation, error_code="CANCELLED", message=""), {"failed": 1}),
        ("writer", 4, TaskStarted(**id, operation_id=new_id()), {"in_progress": 1}),
        ("writer", 5, TaskCompleted(**id, content_id=life.other), {"completed": 1}),
        ("writer", 6, TasksArchived(task_ids=(life.id,)), {}),
        ("writer", 7, TasksChanged(tasks=(item("queued"),), **life.place), {}),
    ]


def of_an_idea(life: Life) -> list[Step]:
    """Its article may be written after it was archived."""
    item = IdeaItem(
        idea_id=life.id,
        cluster_id=life.other,
        title="How crane leasing works",
        description="",
        content_type="post",
        content_structure="guide",
        target_keywords=(),
        word_count=700,
    )
    done = IdeaTitle(idea_id=life.id, title=item.title, status="done")
    return [
        ("planner", 1, IdeasGenerated(item_id=life.other, ideas=(item,), **life.outcome), {"new": 1}),
        ("planner", 2, IdeasQueued(ideas=(item,), **life.place), {"queued": 1}),
        ("planner", 3, IdeasArchived(idea_ids=(life.id,), **life.place), {}),
        ("planner", 4, IdeasChanged(ideas=(done,), **life.place), {}),
    ]


def of_clusters(life: Life) -> list[Step]:
    """A cluster is mapped while it has keywords; `other` and `third` are two clusters."""

    def keywords(cluster_id: UUID | None) -> KeywordsChanged:
        status: Any = "mapped" if cluster_id else "new"
        item = KeywordItem(keyword_id=life.id, keyword="crane", status=status, cluster_id=cluster_id)
        return KeywordsChanged(keywords=(item,), **life.place)

    named = tuple(
        ClusterName(cluster_id=id, name=f"Cranes {n}") for n, id in enumerate((life.other, life.third))
    )
    return [
        ("planner", 1, ClustersChanged(clusters=named, **life.place), {"new": 2}),
        ("planner", 1, keywords(None), {"new": 2}),
        ("planner", 2, keywords(life.other), {"new": 1, "mapped": 1}),
        ("planner", 3, keywords(life.third), {"new": 1, "mapped": 1}),
        ("planner", 4, keywords(None), {"new": 2}),
        ("planner", 5, keywords(life.other), {"new": 1, "mapped": 1}),
        ("planner", 6, KeywordsArchived(keyword_ids=(life.id,), **life.place), {"new": 2}),
    ]


def of_content(life: Life) -> list[Step]:
    article: dict[str, Any] = {"content_id": life.id, "title": "Crane rental guide"}

    def written(version: int) -> ContentGenerated:
        asked: dict[str, Any] = {"item_id": life.other, "task_id": life.other, "words": 700}
        return ContentGenerated(version=version, **article, **asked, **life.outcome)

    def published(version: int) -> ContentPublished:
        return ContentPublished(
            content_id=life.id, version=version, site_id=life.site, external_id="1", external_url="u"
        )

    edited = ContentChanged(version=3, status="draft", words=800, **article, **life.place)
    return [
        ("writer", 1, written(1), {"draft": 1}),
        ("writer", 2, ContentSubmittedForReview(version=1, **article), {"review": 1}),
        ("publisher", 1, published(1), {"published": 1}),
        ("writer", 4, written(2), {"draft": 1}),
        ("writer", 5, edited, {"draft": 1}),
        ("writer", 6, ContentSubmittedForReview(version=3, **article), {"review": 1}),
        ("publisher", 2, published(3), {"published": 1}),
        ("writer", 8, ContentArchived(content_id=life.id), {}),
        ("writer", 9, ContentRestored(content_id=life.id), {"published": 1}),
        (
            "publisher",
            3,
            ContentUnpublished(content_id=life.id, version=3, site_id=life.site),
            {"review": 1},
        ),
    ]


def of_images(life: Life) -> list[Step]:
    def item(id: UUID) -> ImageItem:
        return ImageItem(image_id=id, image_type="in_article", alt_text="", position=0)

    def prompts(*ids: UUID) -> ImagePromptsGenerated:
        images = tuple(item(id) for id in ids)
        return ImagePromptsGenerated(item_id=article, content_id=article, images=images, **life.outcome)

    article, gone = new_id(), ImagesArchived
    of: dict[str, Any] = {"content_id": article}
    failed: dict[str, Any] = {"operation_id": life.operation, "error_code": "X", "message": ""}
    made = ImagesGenerated(item_id=life.id, image_id=life.id, image=OBJECT, **of, **life.outcome)
    return [
        ("writer", 1, prompts(life.id, life.other), {"pending": 2}),
        ("writer", 2, made, {"generated": 1, "pending": 1}),
        ("writer", 3, ImageFailed(image_id=life.other, **of, **failed), {"generated": 1, "failed": 1}),
        ("writer", 4, ImageFailed(image_id=life.id, **of, **failed), {"generated": 1, "failed": 1}),
        ("writer", 5, gone(image_ids=(life.other,), **of), {"generated": 1}),
        ("writer", 6, prompts(life.third), {"generated": 1, "pending": 1}),
        ("writer", 7, ImageChanged(image=item(life.id), status="pending", **of), {"pending": 2}),
        ("writer", 8, ImageFailed(image_id=life.id, **of, **failed), {"failed": 1, "pending": 1}),
        ("writer", 9, ImageChanged(image=item(life.id), status="failed", **of), {"failed": 1, "pending": 1}),
        ("writer", 10, made, {"generated": 1, "pending": 1}),
        (
            "writer",
            11,
            ImagesRestored(image_ids=(life.other,), **of),
            {"generated": 1, "pending": 1, "failed": 1},
        ),
        ("writer", 12, gone(image_ids=(life.other, life.third), **of), {"generated": 1}),
        ("writer", 13, ImageAdded(image=item(new_id()), **of, **life.place), {"generated": 1, "pending": 1}),
    ]


LIVES: dict[str, Callable[[Life], list[Step]]] = {
    "task": of_a_task,
    "idea": of_an_idea,
    "cluster": of_clusters,
    "content": of_content,
    "image": of_images,
}


def as_heard(account_id: UUID, steps: list[Step]) -> list[Any]:
    return heard(account_id, [(source, version, contract) for source, version, contract, _ in steps])


async def counted(tenant: Tenant, kind: str, site: UUID) -> dict[str, int]:
    """What the dashboard says of a site; the search says the same where it knows the kind."""
    pipeline = (await ask(tenant, "dashboard", site_id=site))["workflow_pipeline"]
    (stage,) = (each for each in pipeline if each["kind"] == kind)
    by_status: dict[str, int] = stage["by_status"]
    if kind != "image":
        (group,) = (await ask(tenant, "search", q="crane", kind=kind, site_id=site))["groups"]
        found = [result["status"] for result in group["results"]]
        assert {status: found.count(status) for status in found} == by_status
    return by_status


@pytest.mark.parametrize("kind", LIVES)
async def test_each_status_is_shown_in_whatever_order_it_is_heard(
    gateway: Gateway, tenant: Tenant, kind: str
) -> None:
    for length in range(1, len(LIVES[kind](Life())) + 1):
        for seed in range(3):
            life = Life()
            steps = LIVES[kind](life)[:length]
            said = as_heard(tenant.account_id, steps)
            if seed:
                random.Random(seed).shuffle(said)
            await take(gateway, said)
            assert await counted(tenant, kind, life.site) == steps[-1][3], (length, seed)
    assert (await verify(gateway.urls.owner, MODEL, PROJECTION)).equal


async def test_the_words_of_a_day_are_those_of_the_articles_as_they_are(
    gateway: Gateway, tenant: Tenant
) -> None:
    life = Life()
    await take(gateway, as_heard(tenant.account_id, of_content(life)[:5]))
    velocity = (await ask(tenant, "dashboard", site_id=life.site, days=3))["content_velocity"]
    assert sum(day["words"] for day in velocity) == 800


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda run: PipelineRunCancelled(run_id=run), "cancelled"),
        (lambda run: PipelineRunFinished(run_id=run, outcome="failed"), "failed"),
    ],
    ids=["cancelled", "failed"],
)
async def test_a_stage_in_work_ends_with_its_run(
    gateway: Gateway, tenant: Tenant, end: Callable[[UUID], Contract], status: str
) -> None:
    life = Life()
    said: list[tuple[str, int, Contract]] = [
        ("planner", 1, PipelineRunStarted(run_id=life.id, auto_approve=False, **life.place)),
        ("planner", 2, PipelineStageStarted(run_id=life.id, stage=1, items=(life.other,), **life.place)),
        ("planner", 3, end(life.id)),
    ]
    await take(gateway, heard(tenant.account_id, said))
    (run,) = (await ask(tenant, "dashboard"))["automation_status"]["latest"]
    assert (run["status"], [stage["status"] for stage in run["stages"]]) == (status, [status])


class TestAnOlderGateway:
    """It has facts of what it heard, as it understood that."""

    async def test_shows_after_the_upgrade_what_it_can_and_hears_the_rest_again(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        life = Life()
        cluster, idea = (
            Entry(
                kind="cluster",
                id=life.other,
                text="Cranes",
                status="active",
                archived=False,
                guard=1,
                **life.place,
            ),
            Entry(
                kind="idea", id=life.third, text="Crane", status="done", archived=False, guard=4, **life.place
            ),
        )
        archived = Entry(kind="idea", id=life.third, archived=True, guard=3, **life.place)
        placed = KeywordItem(keyword_id=life.id, keyword="crane", status="mapped", cluster_id=life.other)
        keyword = Entry(
            kind="keyword", id=life.id, text="crane", status="mapped", archived=False, guard=2, **life.place
        )
        said = events.heard(tenant.account_id, KeywordsChanged(keywords=(placed,), **life.place), 2, time=NOW)
        old = [
            (new_id(), "ClustersChanged", cluster),
            (new_id(), "IdeasArchived", archived),
            (new_id(), "IdeasChanged", idea),
            (said.event_id, "KeywordsChanged", keyword),
        ]

        async def record(tx: Transaction) -> None:
            for event_id, name, entry in old:
                fact = EntriesSeen(source="planner", name=name, said_at=NOW, entries=(entry,))
                await tx.append(OVERVIEW.stream(event_id), 0, [fact])

        await gateway.runtime.database.run(tenant.account_id, record)
        script = runpy.run_path(str(MIGRATION))
        with psycopg.connect(gateway.urls.owner) as connection:
            connection.execute(  # as the older gateway had it
                "UPDATE overview_entries SET archived = false, guards[7] = 4 WHERE kind = 'idea'"
            )
            connection.execute(
                "UPDATE overview_entries SET status = 'active', guards[6] = 1 WHERE kind = 'cluster'"
            )
            connection.execute("UPDATE overview_counts SET entries = 7")
            for event_id, *_ in old:
                connection.execute(
                    "INSERT INTO inbox (consumer, event_id) VALUES ('gateway', %s)", [event_id]
                )
            connection.execute(
                "INSERT INTO consumer_offsets VALUES ('gateway', 'one', 'igny8.writer.events', 0, 7, now()),"
                " ('gateway', 'one', 'igny8.planner.events', 1, 7, now()),"
                " ('gateway', 'one', 'igny8.billing.events', 0, 7, now())"
            )
            connection.execute(
                script["SHOWN"] + script["MISUNDERSTOOD"] + script["COUNTED"] + script["HEARD_AGAIN"]
            )
            forgotten = [
                event_id
                for event_id, *_ in old
                if not connection.execute("SELECT FROM inbox WHERE event_id = %s", [event_id]).fetchall()
            ]
            asked = connection.execute(
                "SELECT source, extract(epoch FROM since)::int FROM catch_up_requests ORDER BY source"
            ).fetchall()
        assert (forgotten, asked) == ([said.event_id], [("planner", 0), ("writer", 0)])
        upgraded = await rows(gateway, tenant.account_id, *TABLES)
        await rebuild(gateway.urls.owner, MODEL, PROJECTION)
        assert await rows(gateway, tenant.account_id, *TABLES) == upgraded
        assert await counted(tenant, "idea", life.site) == {}
        assert await counted(tenant, "cluster", life.site) == {"new": 1}
        for _ in range(2):
            await take(gateway, [said])
            assert await counted(tenant, "cluster", life.site) == {"mapped": 1}
            assert await counted(tenant, "keyword", life.site) == {"mapped": 1}
        (position,) = (await ask(tenant, "dashboard"))["as_of"]
        assert position["events"] == len(old), "what is heard again counts once"
