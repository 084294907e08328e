"""What a caller may see (PRODUCT §0, §1): the rows of the tenant by the database, those of granted sites by these."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from fastapi import Depends, Query
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from common.api.caller import CallerOf
from common.api.conditional import require_version
from common.api.errors import ApiError, not_found, validation
from common.api.question import SHAPES, Question
from common.database import Row, Sql, Transaction
from common.replicas import accounts
from common.views import among

NAMED_AT_MOST = 100
"""Missing ids in one answer: who sent more that are wrong has another problem."""


@dataclass(frozen=True, slots=True)
class FilterOf:
    """What every list of resources can be filtered by."""

    site_id: UUID | None
    sector_id: UUID | None
    deleted: bool


async def _filter(
    site_id: Annotated[UUID | None, Query()] = None,
    sector_id: Annotated[UUID | None, Query()] = None,
    deleted: Annotated[bool, Query(description="The archived ones; owners and admins only.")] = False,
) -> FilterOf:
    return FilterOf(site_id, sector_id, deleted)


Filter = Annotated[FilterOf, Depends(_filter)]


def visible(table: sa.Table, caller: CallerOf, *, deleted: bool = False) -> "sa.ColumnElement[bool]":
    """Rows of the caller's sites that are not archived; `deleted` asks for the archived ones (403 for most roles)."""
    if deleted:
        caller.require("manage")
    seen = _of_sites(table, caller)
    if "archived" not in table.c:
        return seen
    return seen & (table.c.archived if deleted else ~table.c.archived)


def listed(
    query: "sa.Select[Any]",
    table: sa.Table,
    caller: CallerOf,
    wanted: FilterOf,
    *,
    counting: "sa.Select[Any] | None" = None,
) -> Question:
    """The rows of `table` in `query`, a constant of its module, that the caller may see and asked for.

    `counting`, another one, is `counted(table)` where `query` joins at most one row to each of the table's, and the list is
    narrowed by the table's own columns: PostgreSQL need not find out anew each time that it may count those alone.
    """
    if wanted.deleted:
        caller.require("manage")
    values: dict[str, Any] = {}
    if caller.site_ids is not None and "site_id" in table.c:
        values["granted_site_ids"] = list(caller.site_ids)
    if wanted.site_id is not None:
        values["site_id"] = wanted.site_id
    if wanted.sector_id is not None:
        values["sector_id"] = wanted.sector_id
    given = frozenset(values)
    if counting is not None:
        counting = _listed(counting, table, wanted.deleted, given)
    return Question(_listed(query, table, wanted.deleted, given), values, counting)


def counted(table: sa.Table) -> "sa.Select[Any]":
    """Counts the rows of a table."""
    return sa.select(sa.func.count()).select_from(table)


@lru_cache(SHAPES)
def _listed(
    query: "sa.Select[Any]", table: sa.Table, deleted: bool, given: frozenset[str]
) -> "sa.Select[Any]":
    columns = table.c
    if "archived" in columns:
        query = query.where(columns.archived if deleted else ~columns.archived)
    if "granted_site_ids" in given:
        granted = sa.bindparam("granted_site_ids", type_=sa.ARRAY(PgUUID(as_uuid=True)))
        query = query.where(_or_of_no_site(columns.site_id, columns.site_id == sa.any_(granted)))
    for name in ("site_id", "sector_id"):
        if name in given:
            query = query.where(columns[name] == sa.bindparam(name))
    return query


async def require_rows(
    sql: Sql,
    query: "sa.Select[Any]",
    table: sa.Table,
    what: str,
    ids: Collection[UUID],
    caller: CallerOf,
    *,
    archived: bool = False,
) -> list[Row]:
    """The rows with these ids, each once and in their order; with `archived` also those.

    All or none: raises 404 where one is not there for this caller, naming what is missing, and 403 where its site does
    not let this role do what the route asks for. What a transaction asks for first is what its request changes: raises
    412 where that is not at the version of `If-Match`.
    """
    conditional = await _begin_conditional(sql, caller)
    (key,) = table.primary_key.columns
    condition = _of_sites(table, caller) if archived else visible(table, caller)
    found = {row[key.name]: row for row in await sql.all(query.where(among(key, ids), condition))}
    wanted = list(dict.fromkeys(ids))
    missing = [id for id in wanted if id not in found]
    if not missing:
        if "site_id" in table.c:
            for row in found.values():
                caller.require(caller.permission, row["site_id"])
        if conditional:
            for row in found.values():
                require_version(row["version"], caller.expected_versions)
        return [found[id] for id in wanted]
    if len(wanted) == 1:
        raise not_found(what, missing[0])
    raise ApiError(
        "NOT_FOUND",
        f"{what} {missing[0]} does not exist or is not yours; nothing was changed.",
        status=404,
        details={f"{key.name}s": [str(id) for id in missing[:NAMED_AT_MOST]]},
    )


async def require_row(
    sql: Sql,
    query: "sa.Select[Any]",
    table: sa.Table,
    what: str,
    id: UUID,
    caller: CallerOf,
    *,
    archived: bool = False,
) -> Row:
    """The row with this id; raises 404 where there is none for this caller."""
    (row,) = await require_rows(sql, query, table, what, [id], caller, archived=archived)
    return row


async def require_expected(sql: Sql, query: "sa.Select[Any]", caller: CallerOf) -> None:
    """Raises 412 where the row of `query` is there and not at the version of `If-Match`.

    For what `require_row` does not read. Call it before the change, in its transaction.
    """
    if await _begin_conditional(sql, caller) and (row := await sql.first(query)) is not None:
        require_version(row["version"], caller.expected_versions)


async def _begin_conditional(sql: Sql, caller: CallerOf) -> bool:
    """Whether what is read next is to be compared: the first thing read in a transaction, under the account's lock.

    Without the lock two clients that both saw version 1 could both be let through.
    """
    if caller.expected_versions is None or not isinstance(sql, Transaction) or sql.conditional:
        return False
    sql.conditional = True
    await sql.lock()
    return True


def require_site(site_id: UUID, caller: CallerOf) -> None:
    """Raises 404 for a site that is not among the caller's; whether it exists, the replica or the owner says.

    Raises 403 for one where the caller's role may not do what the route asks for.
    """
    if not caller.may_see(site_id):
        raise not_found("Site", site_id)
    caller.require(caller.permission, site_id)


async def require_place(sql: Sql, site_id: UUID, sector_id: UUID, caller: CallerOf) -> None:
    """Raises 404 for a site or sector that is not the caller's, 400 for a sector of another site."""
    require_site(site_id, caller)
    await accounts.require_sector(sql, site_id, sector_id)


def require_one_sector(field: str, rows: Collection[Row]) -> tuple[UUID, UUID]:
    """The site and sector of all rows; raises 400 where they differ."""
    places = {(row["site_id"], row["sector_id"]) for row in rows}
    if len(places) != 1:
        raise validation(field, "must all lie in one sector")
    return places.pop()


def _of_sites(table: sa.Table, caller: CallerOf) -> "sa.ColumnElement[bool]":
    if caller.site_ids is None or "site_id" not in table.c:  # what belongs to no site is for all members
        return sa.true()
    return _or_of_no_site(table.c.site_id, among(table.c.site_id, caller.site_ids))


def _or_of_no_site(site_id: "sa.Column[Any]", granted: "sa.ColumnElement[bool]") -> "sa.ColumnElement[bool]":
    return granted | site_id.is_(None) if site_id.nullable else granted
