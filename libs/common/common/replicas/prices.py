"""The replica of the rate cards: no tenant's data, so without row-level security."""

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert

from common.api.errors import ApiError
from common.contracts.billing import RateCard, RateCardPublished
from common.database import Sql, Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions
from common.replicas import metadata

replica_rate_cards = sa.Table(
    "replica_rate_cards",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("card", JSONB, nullable=False),
)

reactions = Reactions(of_replicas=True)


@reactions.on(RateCardPublished)
async def card_published(event: Heard[RateCardPublished], tx: Transaction) -> None:
    await tx.execute(
        insert(replica_rate_cards)
        .values(version=event.data.card.version, card=msgspec.to_builtins(event.data.card))
        .on_conflict_do_nothing()
    )


async def current_card(sql: Sql) -> RateCard:
    """The newest card; raises 503 while billing has not yet said its first one."""
    row = await sql.first(
        sa.select(replica_rate_cards.c.card).order_by(replica_rate_cards.c.version.desc()).limit(1)
    )
    if row is None:
        raise ApiError(
            "PRICES_UNKNOWN",
            "The prices have not arrived yet; the system has just started. Try again in a moment.",
            status=503,
            headers={"Retry-After": "1"},
        )
    return msgspec.convert(row["card"], RateCard)
