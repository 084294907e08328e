"""The replica of clusters: what `cluster_name` shows, and what a new task may refer to."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from common.api.errors import not_found, validation
from common.contracts.planner import ClustersArchived, ClustersChanged, KeywordsClustered
from common.database import Sql, Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions
from common.views import upsert_rows, uuid_column

from writer import metadata

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

reactions = Reactions(of_replicas=True)


@reactions.on(KeywordsClustered, ClustersChanged)
async def clusters_named(event: Heard[Any], tx: Transaction) -> None:
    names = {cluster.cluster_id: cluster.name for cluster in event.data.clusters}
    await _put(tx, event, names, archived=False)


@reactions.on(ClustersArchived)
async def clusters_archived(event: Heard[ClustersArchived], tx: Transaction) -> None:
    await _put(tx, event, dict.fromkeys(event.data.cluster_ids, ""), archived=True)


async def _put(tx: Transaction, event: Heard[Any], names: Mapping[UUID, str], *, archived: bool) -> None:
    """The latest word counts. It is known by its time: a cluster is spoken of on several streams of the planner."""
    rows = [
        {
            "account_id": event.account_id,
            "cluster_id": cluster_id,
            "sector_id": event.data.sector_id,
            "name": name,
            "archived": archived,
            "said_at": event.time,
        }
        for cluster_id, name in names.items()
    ]
    await upsert_rows(tx, replica_clusters, rows, newer_by="said_at")


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
