"""What a caller may see and change: its account's rows by row-level security, its sites by this."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from common.api.caller import CallerOf
from common.api.errors import ApiError, not_found, validation
from common.database import Row, Sql
from common.replicas import accounts


def visible(caller: CallerOf, table: sa.FromClause, *, deleted: bool = False) -> "sa.ColumnElement[bool]":
    """Rows of the caller's sites; `deleted` asks for the archived ones, which owners and admins may see."""
    if deleted:
        caller.require("manage")
    archived: sa.ColumnElement[bool] = table.c.archived if deleted else ~table.c.archived
    return archived if caller.site_ids is None else archived & table.c.site_id.in_(caller.site_ids)


async def require_place(caller: CallerOf, sql: Sql, site_id: UUID, sector_id: UUID) -> None:
    """Raises 404 for a site or sector that is not the caller's, 400 for a sector of another site."""
    if not caller.may_see(site_id):
        raise not_found("Site", site_id)
    await accounts.require_sector(sql, site_id, sector_id)


async def require_sector(caller: CallerOf, sql: Sql, sector_id: UUID) -> UUID:
    """The site of a sector; raises 404 where it is not the caller's."""
    site_id = await sql.scalar(
        sa.select(accounts.replica_sectors.c.site_id).where(
            accounts.replica_sectors.c.sector_id == sector_id, ~accounts.replica_sectors.c.archived
        )
    )
    if site_id is None or not caller.may_see(site_id):
        raise not_found("Sector", sector_id)
    return UUID(str(site_id))


async def require_row(sql: Sql, query: "sa.Select[Any]", what: str, id: UUID) -> Row:
    """The one row; raises 404."""
    row = await sql.first(query)
    if row is None:
        raise not_found(what, id)
    return row


def require_all(
    caller: CallerOf, what: str, field: str, ids: Collection[UUID], rows: Collection[Row]
) -> None:
    """Bulk calls change all or none: raises 404 where one is missing."""
    key = field.removesuffix("s")
    seen = {row[key] for row in rows if caller.may_see(row["site_id"])}
    missing = [id for id in dict.fromkeys(ids) if id not in seen]
    if missing:
        raise ApiError(
            "NOT_FOUND",
            f"{what} {missing[0]} does not exist or is not yours; nothing was changed.",
            status=404,
            details={field: [str(id) for id in missing[:100]]},
        )


def require_one_sector(field: str, rows: Collection[Row]) -> tuple[UUID, UUID]:
    """The site and sector of all rows; raises 400 where they differ."""
    places = {(row["site_id"], row["sector_id"]) for row in rows}
    if len(places) != 1:
        raise validation(field, "must all lie in one sector")
    return places.pop()
