"""Clusters as a table; how many keywords they have and how much is searched for them is calculated."""

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from common.api.errors import not_found, validation
from common.database import Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.replicas.accounts import replica_sectors
from common.views import add_rows, change_rows, resource_columns, uuid_column

from planner import metadata
from planner.clusters.decisions import CLUSTERS
from planner.clusters.events import ClusterAdded, ClusterArchived, ClusterChanged, ClustersFormed
from planner.keywords.views import keywords

clusters = sa.Table(
    "clusters",
    metadata,
    uuid_column("cluster_id", primary_key=True),
    *resource_columns(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
    for fact in recorded:
        match fact.event:
            case ClustersFormed() as event:
                rows = [
                    {
                        "cluster_id": item.cluster_id,
                        "site_id": event.site_id,
                        "sector_id": event.sector_id,
                        "name": item.name,
                        "description": item.description,
                    }
                    for item in event.clusters
                ]
                await add_rows(sql, clusters, fact, rows)
            case ClusterAdded() as event:
                row = {
                    "cluster_id": event.cluster_id,
                    "site_id": event.site_id,
                    "sector_id": event.sector_id,
                    "name": event.name,
                    "description": event.description,
                }
                await add_rows(sql, clusters, fact, [row])
            case ClusterChanged() as event:
                texts = {"name": event.name, "description": event.description}
                await change_rows(sql, clusters, fact, [event.cluster_id], **texts)
            case ClusterArchived(cluster_id=cluster_id):
                await change_rows(sql, clusters, fact, [cluster_id], archived=True)


PROJECTION = Projection("clusters", (CLUSTERS.category,), (clusters,), apply)


@cache
def listed() -> "sa.Select[Any]":
    """All clusters with what is calculated, also archived ones."""
    counted = (
        sa.select(
            keywords.c.cluster_id,
            sa.func.count().label("keywords_count"),
            sa.cast(sa.func.coalesce(sa.func.sum(keywords.c.volume), 0), sa.BigInteger).label("volume"),
        )
        .where(~keywords.c.archived, keywords.c.cluster_id.is_not(None))
        .group_by(keywords.c.cluster_id)
        .subquery("counted")
    )
    return (
        sa.select(
            clusters,
            sa.func.coalesce(counted.c.keywords_count, 0).label("keywords_count"),
            sa.func.coalesce(counted.c.volume, 0).label("volume"),
            sa.case(
                (clusters.c.archived, "archived"),
                (counted.c.keywords_count > 0, "mapped"),
                else_="new",
            ).label("status"),
            replica_sectors.c.name.label("sector_name"),
        )
        .outerjoin(counted, counted.c.cluster_id == clusters.c.cluster_id)
        .outerjoin(replica_sectors, replica_sectors.c.sector_id == clusters.c.sector_id)
    )


async def require(sql: Sql, field: str, sector_id: UUID, cluster_id: UUID) -> None:
    """Raises 404 for a cluster that is not the account's or is archived, 400 for one of another sector."""
    row = await sql.first(
        sa.select(clusters.c.sector_id).where(clusters.c.cluster_id == cluster_id, ~clusters.c.archived)
    )
    if row is None:
        raise not_found("Cluster", cluster_id)
    if row["sector_id"] != sector_id:
        raise validation(field, "is a cluster of another sector")
