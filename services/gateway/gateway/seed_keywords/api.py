"""Routes of the seed keywords: everybody reads them, staff keep them by files."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, get_args
from uuid import UUID

import sqlalchemy as sa
from common.api.answers import Listed, Success
from common.api.caller import Caller
from common.api.envelope import Answer, answer
from common.api.paging import Page, paginate
from common.api.runtime import Runtime
from common.contracts.planner import Intent
from common.database import Row as Found
from common.database import Sql, Transaction
from common.ids import SYSTEM_ACCOUNT
from common.keyword_text import clean, normalise
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from gateway.industries.api import slug_and_name
from gateway.industries.views import industries, industry_sectors
from gateway.seed_keywords.events import SeedKeyword
from gateway.seed_keywords.views import SHOWN, change, seed_keyword_id_of, seed_keywords
from gateway.staff_files import (
    Imported,
    Row,
    RowRefused,
    Taken,
    form_of,
    read_rows,
    read_upload,
    take,
    yes_or_no,
)

router = APIRouter(prefix="/api/v1/account/seed-keywords", tags=["account"])
staff_router = APIRouter(prefix="/api/v1/admin/seed-keywords", tags=["admin"])

COLUMNS = ("keyword", "industry", "sector", "volume", "difficulty", "intent", "is_active")
MOST_VOLUME = 10**12
Volume = Annotated[int, Query(ge=0, le=MOST_VOLUME)]
Difficulty = Annotated[int, Query(ge=0, le=100)]
Places = Mapping[str, Mapping[str, UUID]]
"""Ids of sectors by the slugs of industry and sector."""


class SeedKeywordOut(BaseModel):
    """`keyword`, `volume`, `difficulty` and `intent` are what `planner/keywords/bulk-import/` takes; unknown is null."""

    id: UUID
    keyword: str
    volume: int | None
    difficulty: int | None
    intent: Intent | None
    industry_id: UUID
    industry: str
    industry_name: str
    sector_id: UUID
    sector: str
    sector_name: str
    created_at: datetime
    updated_at: datetime


@router.get("/", summary="Seed keywords", response_model=Success[Listed[SeedKeywordOut]])
async def list_seed_keywords(
    caller: Caller,
    runtime: Runtime,
    page: Page,
    request: Request,
    search: Annotated[str | None, Query(max_length=255)] = None,
    industry: Annotated[
        str | None, Query(max_length=60, description="By its slug.", examples=["finance"])
    ] = None,
    sector: Annotated[
        str | None, Query(max_length=60, description="By its slug.", examples=["loans"])
    ] = None,
    intent: Intent | None = None,
    difficulty_min: Difficulty | None = None,
    difficulty_max: Difficulty | None = None,
    volume_min: Volume | None = None,
    volume_max: Volume | None = None,
) -> Answer:
    columns = seed_keywords.c
    query = SHOWN
    for column, value in (
        (industries.c.slug, industry),
        (industry_sectors.c.slug, sector),
        (columns.intent, intent),
    ):
        if value is not None:
            query = query.where(column == value)
    for column, low, high in (
        (columns.difficulty, difficulty_min, difficulty_max),
        (columns.volume, volume_min, volume_max),
    ):
        if low is not None:
            query = query.where(column >= low)
        if high is not None:
            query = query.where(column <= high)
    if search:
        query = query.where(columns.normalised.contains(normalise(search), autoescape=True))
    async with runtime.database.transaction(None) as tx:
        found = await paginate(
            tx,
            query,
            page,
            request,
            ordering={name: columns[name] for name in ("created_at", "volume", "difficulty", "keyword")},
            default="keyword",
            tie=columns.id,
            show=_shown,
        )
    return answer(found)


def _shown(row: Found) -> dict[str, Any]:
    return {name: row[name] for name in SeedKeywordOut.model_fields}


@staff_router.post(
    "/import/",
    summary="Import seed keywords",
    response_model=Success[Imported],
    openapi_extra=form_of(
        "keyword,industry,sector,volume,difficulty,intent\ncar loan,Finance,Loans,900,40,commercial\n"
    ),
)
async def import_seed_keywords(caller: Caller, runtime: Runtime, request: Request) -> Answer:
    """Columns `keyword`, `industry`, `sector` (needed), `volume`, `difficulty`, `intent`, `is_active` (`yes`).

    Industry and sector are those of the catalogue, by name or slug; a keyword is known by its text, whatever its case and
    spacing. A row says all about its keyword. Rows at fault are left out and named; what the file does not name stays; the
    same file again changes nothing.
    """
    body = await read_upload(request)
    async with runtime.database.transaction(None) as tx:
        places = await _places(tx)
    taken = await asyncio.to_thread(_taken, body, places)
    by_sector: dict[UUID, list[SeedKeyword]] = defaultdict(list)
    for (sector_id, _), seed in taken.entries.items():
        by_sector[sector_id].append(seed)

    async def work(tx: Transaction) -> tuple[int, int]:
        await tx.lock()
        counts = [await change(tx, sector_id, seeds) for sector_id, seeds in by_sector.items()]
        return sum(new for new, _ in counts), sum(changed for _, changed in counts)

    new, changed = await runtime.database.run(SYSTEM_ACCOUNT, work, caller.meta)
    return answer(taken.outcome(new=new, changed=changed))


async def _places(sql: Sql) -> Places:
    rows = await sql.all(
        sa.select(
            industries.c.slug.label("industry"),
            industry_sectors.c.slug.label("sector"),
            industry_sectors.c.id,
        ).select_from(industries.join(industry_sectors, industry_sectors.c.industry_id == industries.c.id))
    )
    places: dict[str, dict[str, UUID]] = defaultdict(dict)
    for row in rows:
        places[row["industry"]][row["sector"]] = row["id"]
    return places


def _taken(body: bytes, places: Places) -> Taken[tuple[UUID, str], SeedKeyword]:
    rows = read_rows(body, COLUMNS, ("keyword", "industry", "sector"))
    return take(rows, lambda row: _seed(row, places))


def _seed(row: Row, places: Places) -> tuple[tuple[UUID, str], SeedKeyword]:
    keyword = row.read("keyword", clean)
    industry, _ = row.read("industry", slug_and_name)
    sectors = places.get(industry)
    if sectors is None:
        raise RowRefused("industry", row.cells["industry"], "is not in the catalogue, or has no sectors")
    sector, _ = row.read("sector", slug_and_name)
    sector_id = sectors.get(sector)
    if sector_id is None:
        raise RowRefused("sector", row.cells["sector"], "is no sector of this industry")
    normalised = normalise(keyword)
    seed = SeedKeyword(
        id=seed_keyword_id_of(sector_id, normalised),
        keyword=keyword,
        normalised=normalised,
        volume=row.read("volume", lambda text: _number(text, MOST_VOLUME)),
        difficulty=row.read("difficulty", lambda text: _number(text, 100)),
        intent=row.read("intent", _intent),
        is_active=row.read("is_active", yes_or_no),
    )
    return (sector_id, normalised), seed


def _number(text: str, most: int) -> int | None:
    """Raises ValueError."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or int(text) > most:
        raise ValueError(f"must be a whole number from 0 to {most:,}")
    return int(text)


def _intent(text: str) -> Intent | None:
    """Raises ValueError."""
    if not text:
        return None
    known: Mapping[str, Intent] = {name: name for name in get_args(Intent)}
    if text.lower() not in known:
        raise ValueError(f"must be one of {', '.join(known)}")
    return known[text.lower()]
