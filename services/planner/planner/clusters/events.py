"""What can happen to a sector's clusters, and what is then true."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from common.contracts.operations import Charge, Usage
from common.contracts.planner import ClusterItem
from common.eventsourcing.event import Event


class ClustersFormed(Event, frozen=True, kw_only=True):
    """Outcome of `auto_cluster`, in parts; the last one carries the charge."""

    operation_id: UUID
    item_id: UUID
    site_id: UUID
    sector_id: UUID
    clusters: tuple[ClusterItem, ...]
    unclustered: int
    usage: Usage
    charge: Charge | None
    part: int
    parts: int
    run_id: UUID | None = None


class ClusterAdded(Event, frozen=True, kw_only=True):
    """By hand."""

    cluster_id: UUID
    site_id: UUID
    sector_id: UUID
    name: str
    description: str


class ClusterChanged(Event, frozen=True, kw_only=True):
    cluster_id: UUID
    site_id: UUID
    sector_id: UUID
    name: str
    description: str


class ClusterArchived(Event, frozen=True, kw_only=True):
    cluster_id: UUID
    site_id: UUID
    sector_id: UUID


ClustersEvent = ClustersFormed | ClusterAdded | ClusterChanged | ClusterArchived


@dataclass(frozen=True)
class Cluster:
    name: str
    description: str
    archived: bool = False


@dataclass(frozen=True)
class Clusters:
    """The clusters of one sector; `operations` have been recorded."""

    clusters: Mapping[UUID, Cluster] = field(default_factory=dict)
    operations: frozenset[UUID] = frozenset()


def evolve(state: Clusters, event: ClustersEvent) -> Clusters:
    match event:
        case ClustersFormed():
            formed = {item.cluster_id: Cluster(item.name, item.description) for item in event.clusters}
            return Clusters({**state.clusters, **formed}, state.operations | {event.operation_id})
        case ClusterAdded() | ClusterChanged():
            cluster = Cluster(event.name, event.description)
            return replace(state, clusters={**state.clusters, event.cluster_id: cluster})
        case ClusterArchived(cluster_id=cluster_id):
            gone = replace(state.clusters[cluster_id], archived=True)
            return replace(state, clusters={**state.clusters, cluster_id: gone})
