"""The replica of clusters: what `cluster_name` shows, and what a new task may refer to."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from common.api.errors import not_found, validation
from common.contracts.planner import ClustersArchived, ClustersChanged, KeywordsClustered
from common.database import Sql, Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions
from sqlalchemy.dialects.postgresql import insert

from writer import metadata
from writer.rows import uuid_column

replica_clusters = sa.Table(
    "replica_clusters",
    metadata,
    uuid_column("account_id"),
    uuid_column("cluster_id", primary_key=True),
    uuid_column("sector_id"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("archived", sa.Boolean, nullable=False),
    sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
)

reactions = Reactions()


@reactions.on(KeywordsClustered, ClustersChanged)
async def clusters_named(event: Heard[Any], tx: Transaction) -> None:
    for cluster in event.data.clusters:
        await _upsert(tx, event, cluster.cluster_id, cluster.name, archived=False)


@reactions.on(ClustersArchived)
async def clusters_archived(event: Heard[ClustersArchived], tx: Transaction) -> None:
    for cluster_id in event.data.cluster_ids:
        await _upsert(tx, event, cluster_id, "", archived=True)


async def _upsert(tx: Transaction, event: Heard[Any], cluster_id: UUID, name: str, *, archived: bool) -> None:
    """The latest word counts. It is known by its time: a cluster is spoken of on several streams of the planner."""
    statement = insert(replica_clusters).values(
        account_id=event.account_id,
        cluster_id=cluster_id,
        sector_id=event.data.sector_id,
        name=name,
        archived=archived,
        said_at=event.time,
    )
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=["cluster_id"],
            set_={column: statement.excluded[column] for column in ("name", "archived", "said_at")},
            where=replica_clusters.c.said_at < statement.excluded.said_at,
        )
    )


async def require_cluster(sql: Sql, sector_id: UUID, cluster_id: UUID) -> None:
    """Raises 404 for a cluster that is not the account's or is archived, 400 for one of another sector (PRODUCT §0)."""
    row = await sql.first(
        sa.select(replica_clusters.c.sector_id).where(
            replica_clusters.c.cluster_id == cluster_id, ~replica_clusters.c.archived
        )
    )
    if row is None:
        raise not_found("Cluster", cluster_id)
    if row["sector_id"] != sector_id:
        raise validation("cluster_id", "is a cluster of another sector")
