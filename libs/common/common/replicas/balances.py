"""The replica of what an account can still spend: good enough to refuse at once, billing decides for real."""

from typing import Any

import sqlalchemy as sa

from common.ai.costs import credits
from common.api.errors import ApiError
from common.contracts.billing import (
    CreditsDeducted,
    CreditsExpired,
    CreditsGranted,
    CreditsReleased,
    CreditsReserved,
)
from common.contracts.operations import Millicredits
from common.database import Sql, Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions
from common.replicas import metadata
from common.views import upsert_rows, uuid_column

replica_balances = sa.Table(
    "replica_balances",
    metadata,
    uuid_column("account_id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("balance", sa.BigInteger, nullable=False),
    sa.Column("available", sa.BigInteger, nullable=False),
)

reactions = Reactions(of_replicas=True)


@reactions.on(CreditsGranted, CreditsReserved, CreditsDeducted, CreditsReleased, CreditsExpired)
async def balance_changed(event: Heard[Any], tx: Transaction) -> None:
    row = {
        "account_id": event.account_id,
        "version": event.version,
        "balance": event.data.balance,
        "available": event.data.available,
    }
    await upsert_rows(tx, replica_balances, [row], newer_by="version")


async def require_available(sql: Sql, maximum: Millicredits) -> None:
    """Raises 402 when the replica says that not even `maximum` is there. An account never heard of has nothing."""
    available = int(await sql.scalar(sa.select(replica_balances.c.available)) or 0)
    if available < maximum:
        raise ApiError(
            "INSUFFICIENT_CREDITS",
            f"This needs up to {credits(maximum)} credits, {credits(available)} are available. Buy credits or choose less.",
            status=402,
            details={"needed": credits(maximum), "available": credits(available)},
        )
