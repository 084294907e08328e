"""What each account may have as a table, and a look at those of all accounts for staff."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
import sqlalchemy as sa
from common.contracts.billing import Limits
from common.database import Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import put_rows, time_columns, uuid_column
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from billing import metadata
from billing.entitlements.decisions import ENTITLEMENTS
from billing.entitlements.events import EntitlementsChanged

entitlements = sa.Table(
    "entitlements",
    metadata,
    uuid_column("account_id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("limits", JSONB, nullable=False),
    *time_columns(),
)
TIME = sa.DateTime(timezone=True)
ALL_ENTITLEMENTS = (
    sa.func.entitlements_of_all()
    .table_valued(
        sa.column("account_id", PgUUID(as_uuid=True)),
        sa.column("version", sa.Integer),
        sa.column("plan", sa.Text),
        sa.column("limits", JSONB),
        sa.column("created_at", TIME),
        sa.column("updated_at", TIME),
    )
    .alias("every")
)
"""A look across tenants, by a function of the database: the service's own role sees an account at a time."""


async def apply(sql: Sql, recorded: Sequence[Recorded[EntitlementsChanged]]) -> None:
    for fact in recorded:
        limits = msgspec.to_builtins(fact.event.limits)
        await put_rows(sql, entitlements, fact, [{"plan": fact.event.plan, "limits": limits}])


PROJECTION = Projection("entitlements", (ENTITLEMENTS.category,), (entitlements,), apply)


async def limits_of(sql: Sql) -> Limits | None:
    """Of the transaction's account; None for one that nobody has put on a plan: it is unlimited."""
    row = await sql.first(sa.select(entitlements.c.limits))
    return msgspec.convert(row["limits"], Limits) if row else None


async def accounts_behind(sql: Sql, plan: str, after: UUID | None, most: int) -> list[UUID]:
    """At most so many accounts on a plan whose limits are not the plan's, in the order of their ids, after one of them."""
    query = "SELECT account_id FROM accounts_behind(%(plan)s, %(after)s, %(most)s)"
    return [row["account_id"] for row in await sql.all(query, {"plan": plan, "after": after, "most": most})]
