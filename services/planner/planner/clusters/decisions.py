"""What may be decided about clusters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from common.contracts.operations import Charge, Usage
from common.contracts.planner import ClusterItem
from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes
from common.plan_limits import require_room

from planner.clusters.events import (
    Cluster,
    ClusterAdded,
    ClusterArchived,
    ClusterChanged,
    Clusters,
    ClustersEvent,
    ClustersFormed,
    evolve,
)
from planner.parts import parts_of


class ClusterNotFound(DomainError):
    """There is no such cluster, or it is archived."""

    code = "NOT_FOUND"
    status = 404


@dataclass(frozen=True, kw_only=True)
class RecordClusters:
    """`used` clusters are in the account, which may have `limit` (None: any number of) them."""

    operation_id: UUID
    item_id: UUID
    site_id: UUID
    sector_id: UUID
    clusters: tuple[ClusterItem, ...]
    unclustered: int
    usage: Usage
    charge: Charge
    run_id: UUID | None = None
    used: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class AddCluster:
    """`used` and `limit` as in `RecordClusters`."""

    cluster_id: UUID
    site_id: UUID
    sector_id: UUID
    name: str
    description: str
    used: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class EditCluster:
    """None leaves a text as it is."""

    cluster_id: UUID
    site_id: UUID
    sector_id: UUID
    name: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class ArchiveCluster:
    cluster_id: UUID
    site_id: UUID
    sector_id: UUID


ClustersCommand = RecordClusters | AddCluster | EditCluster | ArchiveCluster


def decide(command: ClustersCommand, state: Clusters) -> Sequence[ClustersEvent]:
    match command:
        case RecordClusters():
            return [] if command.operation_id in state.operations else _formed(command)
        case AddCluster(cluster_id, site_id, sector_id, name, description):
            if cluster_id in state.clusters:
                return []
            require_room("clusters", command.limit, command.used)
            return [
                ClusterAdded(
                    cluster_id=cluster_id,
                    site_id=site_id,
                    sector_id=sector_id,
                    name=name,
                    description=description,
                )
            ]
        case EditCluster():
            return _edit(command, state)
        case ArchiveCluster(cluster_id, site_id, sector_id):
            if cluster_id in state.clusters and state.clusters[cluster_id].archived:
                return []
            _listed(state, cluster_id)
            return [ClusterArchived(cluster_id=cluster_id, site_id=site_id, sector_id=sector_id)]
    assert_never(command)


def _edit(command: EditCluster, state: Clusters) -> Sequence[ClustersEvent]:
    old = _listed(state, command.cluster_id)
    name = old.name if command.name is None else command.name
    description = old.description if command.description is None else command.description
    if (name, description) == (old.name, old.description):
        return []
    return [
        ClusterChanged(
            cluster_id=command.cluster_id,
            site_id=command.site_id,
            sector_id=command.sector_id,
            name=name,
            description=description,
        )
    ]


def _listed(state: Clusters, cluster_id: UUID) -> Cluster:
    cluster = state.clusters.get(cluster_id)
    if cluster is None or cluster.archived:
        raise ClusterNotFound(f"The cluster {cluster_id} does not exist or is archived.")
    return cluster


def _formed(command: RecordClusters) -> Sequence[ClustersEvent]:
    """All of them or none. Raises `PlanLimitReached`."""
    if command.clusters:
        require_room("clusters", command.limit, command.used, len(command.clusters))
    parts = parts_of(command.clusters)
    return [
        ClustersFormed(
            operation_id=command.operation_id,
            item_id=command.item_id,
            site_id=command.site_id,
            sector_id=command.sector_id,
            clusters=part,
            unclustered=command.unclustered,
            usage=command.usage,
            charge=command.charge if number == len(parts) else None,
            part=number,
            parts=len(parts),
            run_id=command.run_id,
        )
        for number, part in enumerate(parts, 1)
    ]


CLUSTERS: Decider[Clusters, ClustersCommand] = Decider(
    category="clusters",
    initial=Clusters(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((ClustersFormed, ClusterAdded, ClusterChanged, ClusterArchived)),
)
