"""Ideas over HTTP."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from common.api.answers import Listed, Success
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, answer
from common.api.paging import Page, paginate
from common.api.runtime import Runtime
from common.api.scope import Filter, listed, require_place, require_row, require_rows
from common.contracts.planner import ContentStructure, ContentType, IdeaItem, IdeaStatus
from common.database import Row, Sql, Transaction
from common.replicas import limits
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from planner.answers import Changed, Resource, shown
from planner.automation.stages import queue_ideas
from planner.clusters import views as clusters
from planner.ideas import views
from planner.ideas.decisions import IDEAS, AddIdea, ArchiveIdea, EditIdea

router = APIRouter(prefix="/api/v1/planner/ideas", tags=["planner"])
MOST_AT_ONCE = 1_000
ShortText = Annotated[str, Field(min_length=1, max_length=255)]


class IdeaIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    site_id: UUID
    sector_id: UUID
    keyword_cluster: UUID
    idea_title: ShortText
    description: str = Field("", max_length=5_000)
    content_type: ContentType = "post"
    content_structure: ContentStructure = "article"
    target_keywords: list[ShortText] = Field([], max_length=100)
    estimated_word_count: int = Field(1_000, ge=150, le=5_000)


class IdeaPatch(BaseModel):
    """Only what is named is changed."""

    model_config = ConfigDict(extra="forbid")

    idea_title: ShortText | None = None
    description: str | None = Field(None, max_length=5_000)
    content_type: ContentType | None = None
    content_structure: ContentStructure | None = None
    target_keywords: list[ShortText] | None = Field(None, max_length=100)
    estimated_word_count: int | None = Field(None, ge=150, le=5_000)
    status: IdeaStatus | None = None


class IdeaOut(Resource):
    keyword_cluster: UUID
    cluster_name: str | None
    idea_title: str
    description: str
    content_type: ContentType
    content_structure: ContentStructure
    target_keywords: list[str]
    estimated_word_count: int
    status: IdeaStatus


class IdeaIds(BaseModel):
    idea_ids: list[UUID] = Field(min_length=1, max_length=MOST_AT_ONCE)


NAMES = {"cluster_id": "keyword_cluster", "title": "idea_title", "word_count": "estimated_word_count"}
"""What the API calls columns of ours (PRODUCT §2)."""
ORDERING = {
    "created_at": views.ideas.c.created_at,
    "idea_title": views.ideas.c.title,
    "status": views.ideas.c.status,
    "estimated_word_count": views.ideas.c.word_count,
}
FIELDS = {public: own for own, public in NAMES.items()}


def _show(row: Row) -> dict[str, Any]:
    data = shown(row, "idea_id")
    del data["number"]
    return {NAMES.get(name, name): value for name, value in data.items()}


@router.get("/", summary="Ideas", response_model=Success[Listed[IdeaOut]])
async def list_ideas(
    caller: Caller,
    runtime: Runtime,
    page: Page,
    request: Request,
    wanted: Filter,
    search: Annotated[str | None, Query(max_length=255)] = None,
    status: IdeaStatus | None = None,
    keyword_cluster: UUID | None = None,
    content_type: ContentType | None = None,
    content_structure: ContentStructure | None = None,
) -> Answer:
    columns = views.ideas.c
    query = listed(views.listed(), views.ideas, caller, wanted)
    for column, value in (
        (columns.status, status),
        (columns.cluster_id, keyword_cluster),
        (columns.content_type, content_type),
        (columns.content_structure, content_structure),
    ):
        query = query.equal(column, value)
    if search:
        query = query.where(columns.title.icontains(search, autoescape=True))
    async with runtime.database.transaction(caller.account_id) as tx:
        found = await paginate(
            tx,
            query,
            page,
            request,
            ordering=ORDERING,
            tie=columns.idea_id,
            show=_show,
        )
    return answer(found)


@router.post("/", summary="Add an idea", status_code=201, response_model=Success[IdeaOut])
async def create_idea(caller: Caller, runtime: Runtime, body: IdeaIn) -> Answer:
    item = IdeaItem(
        idea_id=caller.new_id("idea"),
        cluster_id=body.keyword_cluster,
        title=body.idea_title,
        description=body.description,
        content_type=body.content_type,
        content_structure=body.content_structure,
        target_keywords=tuple(body.target_keywords),
        word_count=body.estimated_word_count,
    )

    async def work(tx: Transaction) -> Row:
        await require_place(tx, body.site_id, body.sector_id, caller)
        await clusters.require(tx, "keyword_cluster", body.sector_id, item.cluster_id)
        await tx.lock()
        room = await limits.room(tx, "ideas", views.ideas)
        await tx.handle(IDEAS, item.cluster_id, AddIdea(body.site_id, body.sector_id, item, *room))
        return await _one(caller, tx, item.idea_id)

    return answer(_show(await runtime.database.run(caller.account_id, work, caller.meta)), status=201)


@router.post("/queue/", summary="Turn ideas into writing tasks", response_model=Success[Changed])
async def queue(caller: Caller, runtime: Runtime, body: IdeaIds) -> Answer:

    async def work(tx: Transaction) -> int:
        rows = await _all(caller, tx, body.idea_ids)
        await queue_ideas(tx, tuple(body.idea_ids))
        return sum(row["status"] == "new" for row in rows)

    return answer({"count": await runtime.database.run(caller.account_id, work, caller.meta)})


@router.post("/bulk_delete/", summary="Archive ideas", response_model=Success[Changed])
async def bulk_delete(caller: Caller, runtime: Runtime, body: IdeaIds) -> Answer:
    return answer({"count": await _archive(caller, runtime, body.idea_ids)})


@router.get("/{idea_id}/", summary="An idea", response_model=Success[IdeaOut])
async def get_idea(caller: Caller, runtime: Runtime, idea_id: UUID) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(_show(await _one(caller, tx, idea_id)))


@router.patch("/{idea_id}/", summary="Change an idea", response_model=Success[IdeaOut])
async def patch_idea(caller: Caller, runtime: Runtime, idea_id: UUID, body: IdeaPatch) -> Answer:
    named = {FIELDS.get(name, name): value for name, value in body.model_dump(exclude_none=True).items()}
    status = named.pop("status", None)
    if "target_keywords" in named:
        named["target_keywords"] = tuple(named["target_keywords"])

    async def work(tx: Transaction) -> Row:
        row = await _one(caller, tx, idea_id)
        item = msgspec.structs.replace(views.as_item(row), **named)
        await tx.handle(IDEAS, row["cluster_id"], EditIdea(item, status))
        return await _one(caller, tx, idea_id)

    return answer(_show(await runtime.database.run(caller.account_id, work, caller.meta)))


@router.delete("/{idea_id}/", summary="Archive an idea", status_code=204, response_class=Response)
async def delete_idea(caller: Caller, runtime: Runtime, idea_id: UUID) -> Response:
    await _archive(caller, runtime, [idea_id])
    return Response(status_code=204)


async def _archive(caller: CallerOf, runtime: Runtime, idea_ids: list[UUID]) -> int:

    async def work(tx: Transaction) -> int:
        rows = await _all(caller, tx, idea_ids)
        for row in rows:
            await tx.handle(IDEAS, row["cluster_id"], ArchiveIdea(row["idea_id"]))
        return len(rows)

    return await runtime.database.run(caller.account_id, work, caller.meta)


async def _all(caller: CallerOf, sql: Sql, idea_ids: list[UUID]) -> list[Row]:
    return await require_rows(sql, sa.select(views.ideas), views.ideas, "Idea", idea_ids, caller)


async def _one(caller: CallerOf, sql: Sql, idea_id: UUID) -> Row:
    return await require_row(sql, views.listed(), views.ideas, "Idea", idea_id, caller)
