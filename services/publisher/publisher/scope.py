"""Which rows a caller may see: those of the tenant by the database, those of granted sites by these."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from common.api.caller import CallerOf
from common.api.errors import not_found
from common.database import Row, Sql


def listed(table: sa.Table, caller: CallerOf, site_id: UUID | None) -> "sa.Select[Any]":
    """The rows that the caller may see, of one site if it is named."""
    query = sa.select(table)
    if caller.site_ids is not None:
        query = query.where(table.c.site_id.in_(caller.site_ids))
    return query if site_id is None else query.where(table.c.site_id == site_id)


async def require_row(sql: Sql, table: sa.Table, what: str, row_id: UUID, caller: CallerOf) -> Row:
    """The row with this id; raises 404 where there is none for this caller."""
    (key,) = table.primary_key.columns
    row = await sql.first(sa.select(table).where(key == row_id))
    if row is None or not caller.may_see(row["site_id"]):
        raise not_found(what, row_id)
    return row
