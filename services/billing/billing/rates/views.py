"""The published cards as a table: no tenant's data, so without row-level security."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from common.api.errors import ApiError
from common.contracts.billing import RateCard
from common.database import Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from sqlalchemy.dialects.postgresql import JSONB, insert

from billing import metadata
from billing.rates.decisions import RATES

rate_cards = sa.Table(
    "rate_cards",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("card", JSONB, nullable=False),
    sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
    await sql.execute_many(
        insert(rate_cards).on_conflict_do_nothing(),
        [
            {
                "version": fact.event.card.version,
                "card": msgspec.to_builtins(fact.event.card),
                "published_at": fact.recorded_at,
            }
            for fact in recorded
        ],
    )


async def all_cards(sql: Sql) -> dict[int, RateCard]:
    """All published cards by version: a handful, and each is needed while something reserved with it is open."""
    rows = await sql.all(sa.select(rate_cards.c.version, rate_cards.c.card))
    return {row["version"]: msgspec.convert(row["card"], RateCard) for row in rows}


async def current_card(sql: Sql) -> RateCard:
    """The newest card; raises 503 in the moment before the first start has published one."""
    cards = await all_cards(sql)
    if not cards:
        raise ApiError(
            "PRICES_UNKNOWN",
            "The prices are not published yet; the system has just started. Try again in a moment.",
            status=503,
            headers={"Retry-After": "1"},
        )
    return cards[max(cards)]


PROJECTION = Projection("rates", (RATES.category,), (rate_cards,), apply)
