"""Routes of the catalogue of industries: everybody reads it, staff keep it by files."""

import asyncio
from datetime import datetime
from typing import Annotated
from uuid import UUID

import sqlalchemy as sa
from common.api.answers import Listed, Success
from common.api.caller import Caller
from common.api.envelope import Answer, answer
from common.api.paging import Page, paginate
from common.api.runtime import Runtime
from common.database import Transaction
from common.ids import SYSTEM_ACCOUNT
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from sqlalchemy.dialects.postgresql import aggregate_order_by

from gateway.industries.decisions import INDUSTRIES, Entry, WriteIndustries, compare
from gateway.industries.views import industries, industry_sectors
from gateway.slugs import slug_of
from gateway.staff_files import (
    Imported,
    Row,
    Taken,
    form_of,
    line_of_text,
    optional_text,
    read_rows,
    read_upload,
    take,
    yes_or_no,
)

router = APIRouter(prefix="/api/v1/account/industries", tags=["account"])
staff_router = APIRouter(prefix="/api/v1/admin/industries", tags=["admin"])

COLUMNS = ("industry", "sector", "description", "is_active")


class IndustrySectorOut(BaseModel):
    id: UUID
    slug: str
    name: str
    description: str


class IndustryOut(BaseModel):
    """`sectors` by name."""

    id: UUID
    slug: str
    name: str
    description: str
    sectors: list[IndustrySectorOut]
    created_at: datetime
    updated_at: datetime


_SECTOR = sa.func.jsonb_build_object(
    *(part for name in IndustrySectorOut.model_fields for part in (name, industry_sectors.c[name]))
)
SECTORS = (
    sa.select(
        sa.func.coalesce(
            sa.func.jsonb_agg(aggregate_order_by(_SECTOR, industry_sectors.c.name, industry_sectors.c.slug)),
            sa.text("'[]'::jsonb"),
        )
    )
    .where(industry_sectors.c.industry_id == industries.c.id, industry_sectors.c.is_active)
    .correlate(industries)
    .scalar_subquery()
)
SHOWN = sa.select(
    *(industries.c[name] for name in IndustryOut.model_fields if name != "sectors"), SECTORS.label("sectors")
).where(industries.c.is_active)


@router.get("/", summary="Industries and their sectors", response_model=Success[Listed[IndustryOut]])
async def list_industries(
    caller: Caller,
    runtime: Runtime,
    page: Page,
    request: Request,
    search: Annotated[str | None, Query(max_length=255, description="In the names of industries.")] = None,
) -> Answer:
    query = SHOWN
    if search:
        query = query.where(industries.c.name.icontains(search, autoescape=True))
    ordering = {"name": industries.c.name, "created_at": industries.c.created_at}
    async with runtime.database.transaction(None) as tx:
        found = await paginate(
            tx, query, page, request, ordering=ordering, default="name", tie=industries.c.id
        )
    return answer(found)


@staff_router.post(
    "/import/",
    summary="Import industries and sectors",
    response_model=Success[Imported],
    openapi_extra=form_of("industry,sector,description\nFinance,,Money of others\nFinance,Loans,\n"),
)
async def import_industries(caller: Caller, runtime: Runtime, request: Request) -> Answer:
    """Columns `industry` (needed), `sector`, `description`, `is_active` (`yes`).

    A row with a sector is about the sector, one without about the industry; both are known by the slugs of their names.
    Rows at fault are left out and named. What the file does not name stays; the same file again changes nothing.
    """
    body = await read_upload(request)
    taken = await asyncio.to_thread(_taken, body)
    entries = tuple(taken.entries.values())

    async def work(tx: Transaction) -> tuple[int, int]:
        before, _ = await tx.load(INDUSTRIES, SYSTEM_ACCOUNT)
        await tx.handle(INDUSTRIES, SYSTEM_ACCOUNT, WriteIndustries(entries))
        return compare(entries, before)

    new, changed = await runtime.database.run(SYSTEM_ACCOUNT, work, caller.meta)
    return answer(taken.outcome(new=new, changed=changed))


def _taken(body: bytes) -> Taken[tuple[str, str], Entry]:
    return take(read_rows(body, COLUMNS, ("industry",)), _entry)


def _entry(row: Row) -> tuple[tuple[str, str], Entry]:
    industry_slug, industry = row.read("industry", slug_and_name)
    sector_slug, sector = row.read("sector", slug_and_name) if row.cells["sector"] else ("", "")
    entry = Entry(
        industry_slug,
        industry,
        sector_slug,
        sector,
        row.read("description", optional_text),
        row.read("is_active", yes_or_no),
    )
    return (industry_slug, sector_slug), entry


def slug_and_name(text: str) -> tuple[str, str]:
    """By the name of an industry or a sector. Raises ValueError."""
    name = line_of_text(text)
    slug = slug_of(name)
    if slug == "x" and name.lower() != "x":
        raise ValueError("needs a Latin letter or a digit, of which its slug is made")
    return slug, name
