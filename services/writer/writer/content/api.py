"""Articles over HTTP: reading, editing, review."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from common.api.answers import Listed, Success
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, answer
from common.api.paging import Page, paginate
from common.api.runtime import Runtime
from common.api.scope import Filter, listed, require_row
from common.contracts.planner import ContentStructure, ContentType
from common.contracts.writer import ContentStatus
from common.database import Row, Sql, Transaction
from common.ids import stable_id
from common.replicas.accounts import replica_sectors
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, Field

from writer.clusters.replica import replica_clusters, require_cluster
from writer.content.bodies import body_of, html_of
from writer.content.decisions import (
    CONTENT,
    ApproveContent,
    ArchiveContent,
    ContentCommand,
    EditContent,
    RejectContent,
    RestoreContent,
    SubmitContent,
)
from writer.content.events import Body, Content
from writer.content.jobs import release
from writer.content.views import content, content_versions
from writer.images.views import images
from writer.pipeline.cancelled import is_cancelled
from writer.slugs import slug_of
from writer.tasks.views import tasks
from writer.taxonomies.decisions import TERM, AddTerm, terms_of

router = APIRouter(prefix="/api/v1/writer/content", tags=["writer"])

Name = Annotated[str, Field(min_length=1, max_length=200)]


class ContentEdit(BaseModel):
    """What is left out stays as it is. `html_content` may be plain text or a whole document: it is made body HTML."""

    title: str | None = Field(None, min_length=1, max_length=300)
    slug: Name | None = None
    html_content: str | None = Field(None, min_length=1, max_length=900_000)
    excerpt: str | None = Field(None, max_length=2000)
    meta_title: str | None = Field(None, max_length=300)
    meta_description: str | None = Field(None, max_length=1000)
    primary_keyword: str | None = Field(None, max_length=200)
    secondary_keywords: list[Name] | None = Field(None, max_length=50)
    tags: list[Name] | None = Field(None, max_length=50)
    categories: list[Name] | None = Field(None, max_length=20)
    cluster_id: UUID | None = None


class Rejection(BaseModel):
    reason: str = Field("", max_length=2000)


class ContentOut(BaseModel):
    """`text_version` counts the versions of the text; `approved_version` and `published_version` name one of them."""

    id: UUID
    account_id: UUID
    site_id: UUID
    sector_id: UUID
    sector_name: str | None
    version: int
    created_at: AwareDatetime
    updated_at: AwareDatetime
    task_id: UUID
    task_title: str | None
    cluster_id: UUID
    cluster_name: str | None
    content_type: ContentType
    content_structure: ContentStructure
    status: ContentStatus
    source: str
    text_version: int
    approved_version: int | None
    published_version: int | None
    title: str
    slug: str
    excerpt: str
    meta_title: str
    meta_description: str
    primary_keyword: str
    secondary_keywords: list[str]
    tags: list[str]
    categories: list[str]
    word_count: int
    external_id: str | None
    external_url: str | None
    has_image_prompts: bool
    has_images: bool
    error_code: str | None
    error: str | None


class ContentDetail(ContentOut):
    html_content: str


class VersionOut(BaseModel):
    text_version: int
    title: str
    word_count: int
    actor: str
    created_at: AwareDatetime


def _has_images(*conditions: "sa.ColumnElement[bool]") -> "sa.ColumnElement[bool]":
    return (
        sa.exists()
        .where(images.c.content_id == content.c.content_id, ~images.c.archived, *conditions)
        .correlate(content)
    )


ROWS = (
    sa.select(
        *(column for column in content.c),
        tasks.c.title.label("task_title"),
        replica_clusters.c.name.label("cluster_name"),
        replica_sectors.c.name.label("sector_name"),
        _has_images().label("has_image_prompts"),
        _has_images(images.c.status == "generated").label("has_images"),
    )
    .outerjoin(tasks, tasks.c.task_id == content.c.task_id)
    .outerjoin(replica_clusters, replica_clusters.c.cluster_id == content.c.cluster_id)
    .outerjoin(replica_sectors, replica_sectors.c.sector_id == content.c.sector_id)
)
ORDERING = {name: content.c[name] for name in ("title", "created_at", "updated_at", "word_count", "status")}
_INSIDE = frozenset({"content_id", "archived", "html", "object"})


def shown(row: Row) -> dict[str, Any]:
    return {"id": row["content_id"], "source": "igny8"} | {
        name: value for name, value in row.items() if name not in _INSIDE
    }


@router.get("/", summary="Content of the sites you may see", response_model=Success[Listed[ContentOut]])
async def list_content(
    request: Request,
    caller: Caller,
    runtime: Runtime,
    page: Page,
    wanted: Filter,
    status: ContentStatus | None = None,
    cluster_id: UUID | None = None,
    task_id: UUID | None = None,
    content_type: ContentType | None = None,
    content_structure: ContentStructure | None = None,
    search: Annotated[str | None, Query(max_length=200, description="In the title.")] = None,
) -> Answer:
    query = listed(ROWS, content, caller, wanted)
    for column, value in (
        (content.c.status, status),
        (content.c.cluster_id, cluster_id),
        (content.c.task_id, task_id),
        (content.c.content_type, content_type),
        (content.c.content_structure, content_structure),
    ):
        query = query.equal(column, value)
    if search:
        query = query.where(content.c.title.icontains(search, autoescape=True))
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(
            await paginate(tx, query, page, request, ordering=ORDERING, tie=content.c.content_id, show=shown)
        )


@router.get("/{content_id}/", summary="One article with its HTML", response_model=Success[ContentDetail])
async def get_content(content_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        row = await _row(tx, content_id, caller)
    return answer(shown(row) | {"html_content": await html_of(row, runtime.objects.of(caller.account_id))})


@router.patch("/{content_id}/", summary="Make a new version", response_model=Success[ContentDetail])
@router.put("/{content_id}/", summary="Make a new version", response_model=Success[ContentDetail])
async def edit_content(content_id: UUID, body: ContentEdit, caller: Caller, runtime: Runtime) -> Answer:
    html = (
        await body_of(body.html_content, runtime.objects.of(caller.account_id))
        if body.html_content is not None
        else None
    )

    async def edit(tx: Transaction) -> Row:
        row = await _row(tx, content_id, caller)
        if body.cluster_id is not None and body.cluster_id != row["cluster_id"]:
            await require_cluster(tx, row["sector_id"], body.cluster_id)
        await _edit(tx, content_id, body, html)
        return await _row(tx, content_id, caller)

    row = await runtime.database.run(caller.account_id, edit, caller.meta)
    return answer(shown(row) | {"html_content": await html_of(row, runtime.objects.of(caller.account_id))})


@router.delete("/{content_id}/", summary="Archive an article", status_code=204)
async def delete_content(content_id: UUID, caller: Caller, runtime: Runtime) -> Response:
    await _command(runtime, caller, content_id, ArchiveContent(), then_show=False)
    return Response(status_code=204)


@router.post("/{content_id}/restore/", summary="Bring it back", response_model=Success[ContentOut])
async def restore_content(content_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    return await _command(runtime, caller, content_id, RestoreContent(), archived=True)


@router.post("/{content_id}/submit/", summary="Ask for review", response_model=Success[ContentOut])
async def submit_content(content_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    return await _command(runtime, caller, content_id, SubmitContent())


@router.post("/{content_id}/reject/", summary="Back to draft", response_model=Success[ContentOut])
async def reject_content(content_id: UUID, body: Rejection, caller: Caller, runtime: Runtime) -> Answer:
    return await _command(runtime, caller, content_id, RejectContent(body.reason))


@router.post("/{content_id}/approve/", summary="Approve and publish", response_model=Success[ContentOut])
async def approve_content(content_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    """Pins the version as it is now and hands it to the publisher."""

    async def approve(tx: Transaction) -> dict[str, Any]:
        await _row(tx, content_id, caller)
        before, _ = await tx.load(CONTENT, content_id)
        cancelled = isinstance(before, Content) and await is_cancelled(tx, before.run_id)
        approval = ApproveContent(caller.user_id, instead_of_rule=cancelled)
        handled = await tx.handle(CONTENT, content_id, approval)
        if handled.events and isinstance(handled.state, Content):
            cause = stable_id("approval", handled.version)
            await release(tx, content_id, cause, run_id=handled.state.run_id)
        return shown(await _row(tx, content_id, caller))

    return answer(await runtime.database.run(caller.account_id, approve, caller.meta))


@router.get("/{content_id}/versions/", summary="Its versions", response_model=Success[Listed[VersionOut]])
async def list_versions(
    content_id: UUID, request: Request, caller: Caller, runtime: Runtime, page: Page
) -> Answer:
    columns = content_versions.c
    query = sa.select(
        columns.text_version, columns.title, columns.word_count, columns.actor, columns.created_at
    ).where(columns.content_id == content_id)
    async with runtime.database.transaction(caller.account_id) as tx:
        await _row(tx, content_id, caller)
        ordering = {"text_version": columns.text_version}
        return answer(await paginate(tx, query, page, request, ordering=ordering, default="-text_version"))


async def _command(
    runtime: Runtime,
    caller: CallerOf,
    content_id: UUID,
    command: ContentCommand,
    *,
    archived: bool = False,
    then_show: bool = True,
) -> Answer:
    async def handle(tx: Transaction) -> dict[str, Any]:
        await _row(tx, content_id, caller, archived=archived)
        await tx.handle(CONTENT, content_id, command)
        return shown(await _row(tx, content_id, caller)) if then_show else {}

    return answer(await runtime.database.run(caller.account_id, handle, caller.meta))


async def _edit(tx: Transaction, content_id: UUID, body: ContentEdit, html: Body | None) -> None:
    state, _ = await tx.load(CONTENT, content_id)
    assert isinstance(state, Content)
    changes: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in body.model_dump(exclude_none=True, exclude={"html_content", "cluster_id"}).items()
    }
    if html is not None:
        changes["body"] = html
    if body.slug is not None:
        changes["slug"] = slug_of(body.slug)
    text = msgspec.structs.replace(state.text, **changes)
    origin = state.origin
    for term in terms_of(origin.site_id, text.categories, text.tags):
        await tx.handle(TERM, term.term_id, AddTerm(origin.site_id, origin.sector_id, term))
    await tx.handle(CONTENT, content_id, EditContent(text, body.cluster_id))


async def _row(sql: Sql, content_id: UUID, caller: CallerOf, *, archived: bool = False) -> Row:
    return await require_row(sql, ROWS, content, "Content", content_id, caller, archived=archived)
