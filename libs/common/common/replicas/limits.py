"""The replica of what each account's plan allows, and of what is used of a month's limits."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from common.contracts.billing import (
    CreditsDeducted,
    CreditsReleased,
    CreditsReserved,
    EntitlementsChanged,
    Limits,
    MonthlyUse,
)
from common.contracts.operations import OperationItem
from common.database import Sql, Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions
from common.plan_limits import LimitName, counts_of, month_of, require_room, total, used_in
from common.plan_limits import require_monthly_room as require_room_of_month
from common.replicas import metadata
from common.views import upsert_rows, uuid_column

replica_limits = sa.Table(
    "replica_limits",
    metadata,
    uuid_column("account_id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("limits", JSONB, nullable=False),
)
replica_monthly_use = sa.Table(
    "replica_monthly_use",
    metadata,
    uuid_column("account_id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("month", sa.Text, nullable=False),
    sa.Column("ai_requests", sa.BigInteger, nullable=False),
    sa.Column("words", sa.BigInteger, nullable=False),
    sa.Column("images", sa.BigInteger, nullable=False),
)
"""Of the last month in which anything was reserved."""
TABLES = (replica_limits, replica_monthly_use)

reactions = Reactions(of_replicas=True)


@reactions.on(EntitlementsChanged)
async def entitlements_changed(event: Heard[EntitlementsChanged], tx: Transaction) -> None:
    row: dict[str, Any] = {
        "account_id": event.account_id,
        "version": event.version,
        "plan": event.data.plan,
        "limits": msgspec.to_builtins(event.data.limits),
    }
    await upsert_rows(tx, replica_limits, [row], newer_by="version")


@reactions.on(CreditsReserved, CreditsDeducted, CreditsReleased)
async def use_changed(event: Heard[Any], tx: Transaction) -> None:
    if event.data.used is None:
        return
    row = {
        "account_id": event.account_id,
        "version": event.version,
        **msgspec.structs.asdict(event.data.used),
    }
    await upsert_rows(tx, replica_monthly_use, [row], newer_by="version")


async def month_so_far(sql: Sql) -> MonthlyUse:
    """What is used of the month that it is by the database's clock."""
    now: datetime = await sql.scalar(sa.select(sa.func.now()))
    columns = (replica_monthly_use.c[name] for name in MonthlyUse.__struct_fields__)
    row = await sql.first(sa.select(*columns))
    return used_in(month_of(now), MonthlyUse(**row) if row else None)


async def require_monthly_room(sql: Sql, items: Iterable[OperationItem]) -> None:
    """For an operation of these items, as far as is known here: billing decides for real. Raises `PlanLimitReached`."""
    row = await sql.first(sa.select(replica_limits.c.limits))
    if row is not None:
        asked = total(counts_of(item.charge) for item in items)
        require_room_of_month(msgspec.convert(row["limits"], Limits), await month_so_far(sql), asked)


async def limit(sql: Sql, of: LimitName) -> int | None:
    """Of the transaction's account; None is unlimited, as is an account whose plan has not been heard of."""
    found: int | None = await sql.scalar(
        sa.select(sa.cast(replica_limits.c.limits[of].astext, sa.BigInteger))
    )
    return found


async def room(sql: Sql, of: LimitName, table: sa.Table) -> tuple[int, int | None]:
    """How many rows of `table`, without archived ones, the account has, and how many it may have.

    Only counted where there is a limit (None). Under the account's lock they stay as they are.
    """
    most = await limit(sql, of)
    if most is None:
        return 0, None
    counting = sa.select(sa.func.count()).select_from(table).where(~table.c.archived)
    return int(await sql.scalar(counting)), most


async def require_some_room(sql: Sql, of: LimitName, table: sa.Table) -> None:
    """For one row of `table` at least, where only an answer to come says how many there will be.

    Raises `PlanLimitReached`.
    """
    used, most = await room(sql, of, table)
    require_room(of, most, used)
