"""An account's strategies as a table."""

from collections.abc import Sequence

import sqlalchemy as sa
from common.database import Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import change_rows, put_rows, time_columns, uuid_column
from sqlalchemy.dialects.postgresql import JSONB

from gateway import metadata
from gateway.strategies.decisions import STRATEGIES
from gateway.strategies.events import StrategyArchived, StrategyEvent, StrategyWritten

strategies = sa.Table(
    "strategies",
    metadata,
    uuid_column("account_id"),
    uuid_column("id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    uuid_column("site_id", nullable=True),
    uuid_column("sector_id", nullable=True),
    sa.Column("prompt_types", JSONB, nullable=False),
    sa.Column("section_logic", JSONB, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("archived", sa.Boolean, nullable=False),
    *time_columns(),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[StrategyEvent]]) -> None:
    for fact in recorded:
        match fact.event:
            case StrategyWritten() as event:
                row = {
                    "id": event.strategy_id,
                    "name": event.name,
                    "description": event.description,
                    "site_id": event.site_id,
                    "sector_id": event.sector_id,
                    "prompt_types": list(event.prompt_types),
                    "section_logic": event.section_logic,
                    "is_active": event.is_active,
                    "archived": False,
                }
                await put_rows(sql, strategies, fact, [row])
            case StrategyArchived(id):
                await change_rows(sql, strategies, fact, [id], archived=True, is_active=False)


PROJECTION = Projection("strategies", (STRATEGIES.category,), (strategies,), apply)
