"""Which rows a caller may see (PRODUCT §0, §1): those of the tenant by the database, those of granted sites by these."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from common.api.caller import CallerOf
from common.api.errors import not_found
from common.database import Row, Sql
from fastapi import Depends, Query


@dataclass(frozen=True, slots=True)
class FilterOf:
    """What every list can be filtered by."""

    site_id: UUID | None
    sector_id: UUID | None
    deleted: bool


def _filter(
    site_id: Annotated[UUID | None, Query()] = None,
    sector_id: Annotated[UUID | None, Query()] = None,
    deleted: Annotated[bool, Query(description="The archived ones; owners and admins only.")] = False,
) -> FilterOf:
    return FilterOf(site_id, sector_id, deleted)


Filter = Annotated[FilterOf, Depends(_filter)]


def listed(query: "sa.Select[Any]", table: sa.Table, caller: CallerOf, wanted: FilterOf) -> "sa.Select[Any]":
    """The rows of `table` in `query` that the caller may see and asked for."""
    if caller.site_ids is not None:
        query = query.where(table.c.site_id.in_(caller.site_ids))
    if wanted.site_id is not None:
        query = query.where(table.c.site_id == wanted.site_id)
    if wanted.sector_id is not None:
        query = query.where(table.c.sector_id == wanted.sector_id)
    if wanted.deleted:
        caller.require("manage")
    return query.where(table.c.archived == wanted.deleted)


async def require_rows(
    sql: Sql,
    query: "sa.Select[Any]",
    table: sa.Table,
    what: str,
    ids: Sequence[UUID],
    caller: CallerOf,
    *,
    archived: bool = False,
) -> list[Row]:
    """The rows with these ids in their order. Raises 404 naming the first one that is not there for this caller."""
    (key,) = table.primary_key.columns
    found = {
        row[key.name]: row
        for row in await sql.all(query.where(key.in_(ids)))
        if caller.may_see(row["site_id"]) and (archived or not row["archived"])
    }
    for id in ids:
        if id not in found:
            raise not_found(what, id)
    return [found[id] for id in ids]
