"""The replica of what each account's plan allows."""

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from common.contracts.billing import EntitlementsChanged
from common.database import Sql, Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions
from common.plan_limits import LimitName, require_room
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
