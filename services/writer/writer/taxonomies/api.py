"""Terms over HTTP."""

from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from common.api.answers import Listed, Success
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, answer
from common.api.paging import Page, paginate
from common.api.runtime import Runtime
from common.api.scope import Filter, listed, require_row
from common.contracts.writer import Taxonomy
from common.database import Row, Sql, Transaction
from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from writer.taxonomies.decisions import TERM, RenameTerm
from writer.taxonomies.views import terms

router = APIRouter(prefix="/api/v1/writer/taxonomies", tags=["writer"])

ROWS = sa.select(terms)
ORDERING = {name: terms.c[name] for name in ("name", "slug", "created_at")}


class TermEdit(BaseModel):
    """The slug stays: it is how a site knows the term."""

    name: str = Field(min_length=1, max_length=200)


class TermOut(BaseModel):
    id: UUID
    account_id: UUID
    site_id: UUID
    sector_id: UUID
    version: int
    created_at: AwareDatetime
    updated_at: AwareDatetime
    taxonomy: Taxonomy
    name: str
    slug: str


def shown(row: Row) -> dict[str, Any]:
    return {"id": row["term_id"]} | {
        name: value for name, value in row.items() if name not in ("term_id", "archived")
    }


@router.get("/", summary="Categories and tags", response_model=Success[Listed[TermOut]])
async def list_terms(
    request: Request,
    caller: Caller,
    runtime: Runtime,
    page: Page,
    wanted: Filter,
    taxonomy: Taxonomy | None = None,
    search: Annotated[str | None, Query(max_length=200)] = None,
) -> Answer:
    query = listed(ROWS, terms, caller, wanted).equal(terms.c.taxonomy, taxonomy)
    if search:
        query = query.where(terms.c.name.icontains(search, autoescape=True))
    async with runtime.database.transaction(caller.account_id) as tx:
        found = await paginate(
            tx, query, page, request, ordering=ORDERING, default="name", tie=terms.c.term_id, show=shown
        )
    return answer(found)


@router.get("/{term_id}/", summary="One term", response_model=Success[TermOut])
async def get_term(term_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(await _one(tx, term_id, caller))


@router.patch("/{term_id}/", summary="Rename a term", response_model=Success[TermOut])
async def rename_term(term_id: UUID, body: TermEdit, caller: Caller, runtime: Runtime) -> Answer:

    async def rename(tx: Transaction) -> dict[str, Any]:
        await _one(tx, term_id, caller)
        await tx.handle(TERM, term_id, RenameTerm(body.name))
        return await _one(tx, term_id, caller)

    return answer(await runtime.database.run(caller.account_id, rename, caller.meta))


async def _one(sql: Sql, term_id: UUID, caller: CallerOf) -> dict[str, Any]:
    row = await require_row(sql, ROWS, terms, "Term", term_id, caller)
    return shown(row)
