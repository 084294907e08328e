"""The plans as a table: no tenant's data, so without row-level security."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from common.api.errors import not_found
from common.database import Row, Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import put_rows, time_columns
from sqlalchemy.dialects.postgresql import JSONB

from billing import metadata
from billing.plans.decisions import PLANS
from billing.plans.events import PlanWritten

plans = sa.Table(
    "plans",
    metadata,
    sa.Column("slug", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("credits_per_month", sa.BigInteger, nullable=False),
    sa.Column("included_credits", sa.BigInteger),
    sa.Column("limits", JSONB, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    *time_columns(),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[PlanWritten]]) -> None:
    for fact in recorded:
        row = msgspec.to_builtins(fact.event)
        del row["shipped"]
        await put_rows(sql, plans, fact, [row])


PROJECTION = Projection("plans", (PLANS.category,), (plans,), apply)


async def plan_row(sql: Sql, slug: str) -> Row:
    """Raises 404."""
    row = await sql.first(sa.select(plans).where(plans.c.slug == slug))
    if row is None:
        raise not_found("Plan", slug)
    return row


async def kept_plan(sql: Sql, slug: str) -> Row | None:
    """The plan as it stays until the transaction ends.

    Who puts an account on a plan reads it so: a change of the plan then waits, and its job finds the account there.
    """
    return await sql.first(sa.select(plans).where(plans.c.slug == slug).with_for_update(read=True))
