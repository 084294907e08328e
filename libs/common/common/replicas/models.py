"""The replica of the model catalogue: no tenant's data, so without row-level security."""

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from common.contracts.settings import ModelCatalogueChanged
from common.database import Sql, Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions
from common.replicas import metadata
from common.views import upsert_rows

replica_ai_models = sa.Table(
    "replica_ai_models",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("said", JSONB, nullable=False),
)

reactions = Reactions(of_replicas=True)


@reactions.on(ModelCatalogueChanged)
async def model_changed(event: Heard[ModelCatalogueChanged], tx: Transaction) -> None:
    row = {"name": event.data.name, "version": event.version, "said": msgspec.to_builtins(event.data)}
    await upsert_rows(tx, replica_ai_models, [row], newer_by="version")


async def catalogue(sql: Sql) -> dict[str, ModelCatalogueChanged]:
    """Every model by its name."""
    rows = await sql.all(sa.select(replica_ai_models.c.said))
    models = [msgspec.convert(row["said"], ModelCatalogueChanged) for row in rows]
    return {model.name: model for model in models}
