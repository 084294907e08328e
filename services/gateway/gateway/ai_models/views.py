"""The model catalogue as a table: no tenant's data, so without row-level security."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from common.database import Sql
from common.eventsourcing.event import Recorded
from common.ids import stable_id
from common.model import Projection
from common.views import put_rows, time_columns, uuid_column

from gateway import metadata
from gateway.ai_models.decisions import MODELS
from gateway.ai_models.events import ModelWritten

ai_models = sa.Table(
    "ai_models",
    metadata,
    uuid_column("id", primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("input_price", sa.BigInteger, nullable=False),
    sa.Column("output_price", sa.BigInteger, nullable=False),
    sa.Column("image_price", sa.BigInteger, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    *time_columns(),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[ModelWritten]]) -> None:
    for fact in recorded:
        row = msgspec.to_builtins(fact.event)
        del row["shipped"]
        await put_rows(sql, ai_models, fact, [{"id": stable_id("ai model", fact.event.name), **row}])


PROJECTION = Projection("ai_models", (MODELS.category,), (ai_models,), apply)
