"""Keywords over HTTP."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import sqlalchemy as sa
from common.ai.operations import steps as operations
from common.api.answers import Listed, Success, TaskAccepted
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, accepted, answer
from common.api.errors import not_found, validation
from common.api.paging import Page, paginate
from common.api.question import Question
from common.api.runtime import Runtime
from common.api.scope import (
    Filter,
    counted,
    listed,
    require_one_sector,
    require_place,
    require_row,
    require_rows,
)
from common.contracts.planner import Intent, KeywordStatus
from common.database import Row, Sql, Transaction
from common.keyword_text import UnusableText, clean, normalise
from common.replicas import limits
from common.replicas.accounts import replica_sectors
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from planner.answers import Changed, Resource, shown
from planner.clusters import views as clusters
from planner.clusters.jobs import MOST_KEYWORDS, request_clusters
from planner.keywords import views
from planner.keywords.decisions import AddKeywords, KeywordTaken, ReviseKeyword, SetStatus
from planner.keywords.events import Keyword, KeywordsAdded

router = APIRouter(prefix="/api/v1/planner/keywords", tags=["planner"])
keywords = views.keywords
MOST_AT_ONCE = 1_000
EXPORT_PAGE = 2_000

Volume = Annotated[int, Query(ge=0, le=10**12)]
Difficulty = Annotated[int, Query(ge=0, le=100)]


class KeywordFields(BaseModel):
    """What a person says about a keyword; unknown is null."""

    model_config = ConfigDict(extra="forbid")

    keyword: str = Field(min_length=1, max_length=1_000)
    volume: int | None = Field(None, ge=0, le=10**12, description="Searches a month.")
    difficulty: int | None = Field(None, ge=0, le=100)
    intent: Intent | None = None
    cpc: str | None = Field(
        None, pattern=r"^\d{1,9}(\.\d{1,6})?$", description='A plain decimal like "8.50".'
    )
    locale: str | None = Field(None, max_length=64)


class KeywordIn(KeywordFields):
    site_id: UUID
    sector_id: UUID
    cluster_id: UUID | None = None


class KeywordPatch(BaseModel):
    """Only what is named is changed."""

    model_config = ConfigDict(extra="forbid")

    keyword: str | None = Field(None, min_length=1, max_length=1_000)
    volume: int | None = Field(None, ge=0, le=10**12)
    difficulty: int | None = Field(None, ge=0, le=100)
    intent: Intent | None = None
    cpc: str | None = Field(None, pattern=r"^\d{1,9}(\.\d{1,6})?$")
    locale: str | None = Field(None, max_length=64)
    cluster_id: UUID | None = None


class KeywordOut(Resource):
    keyword: str
    volume: int | None
    difficulty: int | None
    intent: Intent | None
    status: KeywordStatus
    cluster_id: UUID | None
    cluster_name: str | None
    cpc: str | None
    locale: str | None
    source: str | None
    volume_estimated: bool


class BulkImport(BaseModel):
    site_id: UUID
    sector_id: UUID
    keywords: list[KeywordFields] = Field(min_length=1, max_length=MOST_AT_ONCE)


class BulkImported(BaseModel):
    read: int
    new: int
    duplicates: int
    ids: list[UUID]


class KeywordIds(BaseModel):
    keyword_ids: list[UUID] = Field(min_length=1, max_length=MOST_AT_ONCE)


class StatusChange(KeywordIds):
    status: KeywordStatus


class AutoClusterIn(BaseModel):
    sector_id: UUID
    keyword_ids: list[UUID] | None = Field(None, min_length=1, max_length=MOST_KEYWORDS)


ROWS = (
    sa.select(
        keywords,
        clusters.clusters.c.name.label("cluster_name"),
        replica_sectors.c.name.label("sector_name"),
    )
    .outerjoin(clusters.clusters, clusters.clusters.c.cluster_id == keywords.c.cluster_id)
    .outerjoin(replica_sectors, replica_sectors.c.sector_id == keywords.c.sector_id)
)

COUNTED = counted(keywords)
ORDERING = {name: keywords.c[name] for name in ("created_at", "volume", "difficulty", "keyword")}
_BOUNDS = {
    "difficulty_min": keywords.c.difficulty >= sa.bindparam("difficulty_min"),
    "difficulty_max": keywords.c.difficulty <= sa.bindparam("difficulty_max"),
    "volume_min": keywords.c.volume >= sa.bindparam("volume_min"),
    "volume_max": keywords.c.volume <= sa.bindparam("volume_max"),
}


async def _filtered(
    caller: Caller,
    wanted: Filter,
    search: Annotated[str | None, Query(max_length=255)] = None,
    status: KeywordStatus | None = None,
    cluster_id: UUID | None = None,
    intent: Intent | None = None,
    difficulty_min: Difficulty | None = None,
    difficulty_max: Difficulty | None = None,
    volume_min: Volume | None = None,
    volume_max: Volume | None = None,
) -> Question:
    """The filters that list and export share."""
    columns = keywords.c
    asked = listed(ROWS, keywords, caller, wanted, counting=COUNTED)
    asked = asked.equal(columns.status, status).equal(columns.cluster_id, cluster_id)
    asked = asked.equal(columns.intent, intent)
    for name, bound in (
        ("difficulty_min", difficulty_min),
        ("difficulty_max", difficulty_max),
        ("volume_min", volume_min),
        ("volume_max", volume_max),
    ):
        if bound is not None:
            asked = asked.where(_BOUNDS[name], **{name: bound})
    if search:
        asked = asked.where(columns.normalised.contains(normalise(search), autoescape=True))
    return asked


Filtered = Annotated[Question, Depends(_filtered)]


def _show(row: Row) -> dict[str, Any]:
    return shown(row, "keyword_id")


@router.get("/", summary="Keywords", response_model=Success[Listed[KeywordOut]])
async def list_keywords(
    caller: Caller, runtime: Runtime, page: Page, request: Request, asked: Filtered
) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        found = await paginate(
            tx, asked, page, request, ordering=ORDERING, tie=keywords.c.keyword_id, show=_show
        )
    return answer(found)


@router.post("/", summary="Add a keyword", status_code=201, response_model=Success[KeywordOut])
async def create_keyword(caller: Caller, runtime: Runtime, body: KeywordIn) -> Answer:
    keyword_id = caller.new_id("keyword")

    async def work(tx: Transaction) -> Row:
        await require_place(tx, body.site_id, body.sector_id, caller)
        await tx.lock()
        if body.cluster_id:
            await clusters.require(tx, "cluster_id", body.sector_id, body.cluster_id)
        keyword = _keyword(keyword_id, body, "keyword", body.cluster_id)
        taken = await views.taken(tx, body.sector_id, [keyword.normalised])
        if taken.get(keyword.normalised, keyword_id) != keyword_id:
            raise KeywordTaken(f"The sector has a keyword {keyword.keyword!r} already.")
        used, limit = await limits.room(tx, "keywords", keywords)
        command = AddKeywords(body.site_id, body.sector_id, (keyword,), frozenset(taken), used, limit)
        await views.change(tx, body.sector_id, command)
        return await _one(caller, tx, keyword_id)

    row = await runtime.database.run(caller.account_id, work, caller.meta)
    return answer(_show(row), status=201)


@router.post(
    "/bulk-import/", summary="Add up to 1,000 keywords", status_code=201, response_model=Success[BulkImported]
)
async def bulk_import(caller: Caller, runtime: Runtime, body: BulkImport) -> Answer:
    asked = tuple(
        _keyword(caller.new_id(f"keyword {n}"), fields, f"keywords.{n}.keyword")
        for n, fields in enumerate(body.keywords)
    )

    async def work(tx: Transaction) -> list[UUID]:
        await require_place(tx, body.site_id, body.sector_id, caller)
        await tx.lock()
        taken = await views.taken(tx, body.sector_id, [keyword.normalised for keyword in asked])
        used, limit = await limits.room(tx, "keywords", keywords)
        command = AddKeywords(body.site_id, body.sector_id, asked, frozenset(taken), used, limit)
        events = await views.change(tx, body.sector_id, command)
        earlier = [k.keyword_id for k in asked if taken.get(k.normalised) == k.keyword_id]
        return earlier + [k.keyword_id for e in events if isinstance(e, KeywordsAdded) for k in e.keywords]

    ids = await runtime.database.run(caller.account_id, work, caller.meta)
    counts = {"read": len(asked), "new": len(ids), "duplicates": len(asked) - len(ids), "ids": ids}
    return answer(counts, status=201)


@router.post(
    "/auto_cluster/", summary="Group keywords by topic", status_code=202, response_model=Success[TaskAccepted]
)
async def auto_cluster(caller: Caller, runtime: Runtime, body: AutoClusterIn) -> Answer:
    operation_id = caller.new_id("auto_cluster")

    async def work(tx: Transaction) -> None:
        site_id = await _site_of(caller, tx, body.sector_id)
        if not await operations.is_new(tx, operation_id):
            return  # repeated: what it asked for may be done by now
        if body.keyword_ids is not None:
            rows = await _all(caller, tx, body.keyword_ids)
            if require_one_sector("keyword_ids", rows) != (site_id, body.sector_id):
                raise validation("keyword_ids", "must lie in the sector")
        if await tx.first(_asked(body).limit(1)) is None:
            raise validation(
                "keyword_ids" if body.keyword_ids else "sector_id", "no keyword waits for a cluster"
            )
        await request_clusters(
            tx,
            operation_id,
            site_id=site_id,
            sector_id=body.sector_id,
            keyword_ids=body.keyword_ids,
            user_id=caller.user_id,
        )

    await runtime.database.run(caller.account_id, work, caller.meta)
    return accepted(operation_id)


def _asked(body: AutoClusterIn) -> "sa.Select[Any]":
    query = views.unclustered(body.sector_id)
    return query if body.keyword_ids is None else query.where(keywords.c.keyword_id.in_(body.keyword_ids))


@router.post("/bulk_delete/", summary="Archive keywords", response_model=Success[Changed])
async def bulk_delete(caller: Caller, runtime: Runtime, body: KeywordIds) -> Answer:
    return await _set_status(caller, runtime, body.keyword_ids, "archived")


@router.post("/bulk_update_status/", summary="Change keywords' status", response_model=Success[Changed])
async def bulk_update_status(caller: Caller, runtime: Runtime, body: StatusChange) -> Answer:
    return await _set_status(caller, runtime, body.keyword_ids, body.status)


async def _set_status(
    caller: CallerOf, runtime: Runtime, keyword_ids: list[UUID], status: KeywordStatus
) -> Answer:

    async def work(tx: Transaction) -> int:
        await tx.lock()
        rows = await _all(caller, tx, keyword_ids)
        for site_id, sector_id in sorted({(row["site_id"], row["sector_id"]) for row in rows}):
            own = tuple(views.as_keyword(row) for row in rows if row["sector_id"] == sector_id)
            await views.change(tx, sector_id, SetStatus(site_id, sector_id, own, status))
        return len(rows)

    return answer({"count": await runtime.database.run(caller.account_id, work, caller.meta)})


CSV_COLUMNS = (
    ("Keyword", "keyword"),
    ("Volume", "volume"),
    ("Difficulty", "difficulty"),
    ("Intent", "intent"),
    ("CPC", "cpc"),
    ("Locale", "locale"),
    ("Status", "status"),
    ("Cluster", "cluster_name"),
)


@router.get(
    "/export_csv/",
    summary="Keywords as CSV",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def export_csv(caller: Caller, runtime: Runtime, asked: Filtered) -> StreamingResponse:
    async def page_after(last: Row | None) -> list[Row]:
        rows = asked.statement.order_by(keywords.c.normalised, keywords.c.keyword_id).limit(EXPORT_PAGE)
        if last is not None:
            there = (last["normalised"], last["keyword_id"])
            rows = rows.where(sa.tuple_(keywords.c.normalised, keywords.c.keyword_id) > there)
        async with runtime.database.transaction(caller.account_id) as tx:
            return await tx.all(rows, asked.values)

    first = await page_after(None)  # before the answer begins: a question that cannot be asked is a refusal

    async def pages() -> AsyncIterator[str]:
        yield _csv([[header for header, _ in CSV_COLUMNS]])
        rows = first
        while True:
            yield _csv([[_cell(row[name]) for _, name in CSV_COLUMNS] for row in rows])
            if len(rows) < EXPORT_PAGE:
                return
            rows = await page_after(rows[-1])

    headers = {"Content-Disposition": 'attachment; filename="keywords.csv"'}
    return StreamingResponse(pages(), media_type="text/csv; charset=utf-8", headers=headers)


def _csv(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: object) -> str:
    """A spreadsheet runs what begins like a formula: an apostrophe makes it text (OWASP, CSV injection)."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in "=+-@\t\r" and text[:1] else text


@router.get("/{keyword_id}/", summary="A keyword", response_model=Success[KeywordOut])
async def get_keyword(caller: Caller, runtime: Runtime, keyword_id: UUID) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(_show(await _one(caller, tx, keyword_id)))


@router.patch("/{keyword_id}/", summary="Change a keyword", response_model=Success[KeywordOut])
async def patch_keyword(caller: Caller, runtime: Runtime, keyword_id: UUID, body: KeywordPatch) -> Answer:
    return await _revise(caller, runtime, keyword_id, body.model_dump(exclude_unset=True))


@router.put("/{keyword_id}/", summary="Replace a keyword", response_model=Success[KeywordOut])
async def put_keyword(caller: Caller, runtime: Runtime, keyword_id: UUID, body: KeywordFields) -> Answer:
    return await _revise(caller, runtime, keyword_id, body.model_dump())


@router.delete("/{keyword_id}/", summary="Archive a keyword", status_code=204, response_class=Response)
async def delete_keyword(caller: Caller, runtime: Runtime, keyword_id: UUID) -> Response:
    await _set_status(caller, runtime, [keyword_id], "archived")
    return Response(status_code=204)


async def _revise(caller: CallerOf, runtime: Runtime, keyword_id: UUID, changes: dict[str, Any]) -> Answer:

    async def work(tx: Transaction) -> Row:
        await tx.lock()
        row = await _one(caller, tx, keyword_id)
        before = views.as_keyword(row)
        after = _changed(before, changes)
        if after.cluster_id:
            await clusters.require(tx, "cluster_id", row["sector_id"], after.cluster_id)
        taken = await views.taken(tx, row["sector_id"], [after.normalised])
        others = frozenset(text for text, id in taken.items() if id != keyword_id)
        command = ReviseKeyword(row["site_id"], row["sector_id"], before, after, others)
        await views.change(tx, row["sector_id"], command)
        return await _one(caller, tx, keyword_id)

    return answer(_show(await runtime.database.run(caller.account_id, work, caller.meta)))


def _changed(before: Keyword, changes: dict[str, Any]) -> Keyword:
    if changes.get("keyword") is not None:
        changes["keyword"] = _clean(changes["keyword"], "keyword")
        changes["normalised"] = normalise(changes["keyword"])
    else:
        changes.pop("keyword", None)
    if "cluster_id" in changes:
        changes["status"] = "mapped" if changes["cluster_id"] else "new"
    if "volume" in changes:
        changes["volume_estimated"] = False
    return msgspec.structs.replace(before, **changes)


async def _one(caller: CallerOf, sql: Sql, keyword_id: UUID) -> Row:
    return await require_row(sql, ROWS, keywords, "Keyword", keyword_id, caller)


async def _all(caller: CallerOf, sql: Sql, keyword_ids: list[UUID]) -> list[Row]:
    return await require_rows(sql, sa.select(keywords), keywords, "Keyword", keyword_ids, caller)


async def _site_of(caller: CallerOf, sql: Sql, sector_id: UUID) -> UUID:
    """Raises 404 for a sector that is not the caller's."""
    site_id: UUID | None = await sql.scalar(
        sa.select(replica_sectors.c.site_id).where(
            replica_sectors.c.sector_id == sector_id, ~replica_sectors.c.archived
        )
    )
    if site_id is None or not caller.may_see(site_id):
        raise not_found("Sector", sector_id)
    return site_id


def _keyword(keyword_id: UUID, fields: KeywordFields, field: str, cluster_id: UUID | None = None) -> Keyword:
    text = _clean(fields.keyword, field)
    return Keyword(
        keyword_id=keyword_id,
        keyword=text,
        normalised=normalise(text),
        volume=fields.volume,
        difficulty=fields.difficulty,
        intent=fields.intent,
        status="mapped" if cluster_id else "new",
        cluster_id=cluster_id,
        cpc=fields.cpc,
        locale=fields.locale,
        source=_SOURCE,
    )


_SOURCE: Literal["manual"] = "manual"


def _clean(text: str, field: str) -> str:
    try:
        return clean(text)
    except UnusableText as error:
        raise validation(field, str(error)) from error
