"""What may be decided about clusters."""

from dataclasses import replace
from uuid import UUID

import msgspec
from common.contracts.operations import Charge, Usage
from common.contracts.planner import ClusterItem
from common.database import MAX_MESSAGE_BYTES
from common.ids import stable_id
from common.plan_limits import PlanLimitReached
from common.testing import given
from planner.clusters.decisions import (
    CLUSTERS,
    AddCluster,
    ArchiveCluster,
    ClusterNotFound,
    EditCluster,
    RecordClusters,
)
from planner.clusters.events import ClusterAdded, ClusterArchived, ClusterChanged, ClustersFormed
from planner.parts import parts_of

SITE, SECTOR, CLUSTER, OPERATION = (UUID(int=n) for n in (1, 2, 3, 4))
USAGE, CHARGE = Usage(provider="local", model="local"), Charge(kind="clustering", units=1)
ADDED = ClusterAdded(cluster_id=CLUSTER, site_id=SITE, sector_id=SECTOR, name="a", description="b")
ARCHIVED = ClusterArchived(cluster_id=CLUSTER, site_id=SITE, sector_id=SECTOR)


def item(number: int, keywords: int = 2) -> ClusterItem:
    return ClusterItem(
        cluster_id=stable_id("cluster", number),
        name=f"cluster {number}",
        description="d",
        keyword_ids=tuple(stable_id(number, n) for n in range(keywords)),
    )


def record(*clusters: ClusterItem) -> RecordClusters:
    return RecordClusters(
        operation_id=OPERATION,
        item_id=SECTOR,
        site_id=SITE,
        sector_id=SECTOR,
        clusters=clusters,
        unclustered=7,
        usage=USAGE,
        charge=CHARGE,
    )


def formed(*clusters: ClusterItem, part: int = 1, parts: int = 1) -> ClustersFormed:
    return ClustersFormed(
        operation_id=OPERATION,
        item_id=SECTOR,
        site_id=SITE,
        sector_id=SECTOR,
        clusters=clusters,
        unclustered=7,
        usage=USAGE,
        charge=CHARGE if part == parts else None,
        part=part,
        parts=parts,
    )


class TestRecording:
    def test_keeps_an_answer_once(self) -> None:
        given(CLUSTERS)().when(record(item(1), item(2))).then(formed(item(1), item(2)))
        given(CLUSTERS)(formed(item(1))).when(record(item(3))).then_nothing()

    def test_keeps_an_answer_that_the_plan_has_room_for(self) -> None:
        both = replace(record(item(1), item(2)), used=3, limit=5)
        given(CLUSTERS)().when(both).then(formed(item(1), item(2)))
        given(CLUSTERS)().when(replace(both, used=4)).then_refused(
            PlanLimitReached, of="clusters", used=4, limit=5
        )
        given(CLUSTERS)().when(replace(record(), used=5, limit=5)).then(formed())
        given(CLUSTERS)(formed(item(1))).when(replace(both, used=4)).then_nothing()

    def test_an_answer_without_clusters_is_charged_too(self) -> None:
        given(CLUSTERS)().when(record()).then(formed())

    def test_long_answers_travel_in_parts_of_which_the_last_is_charged(self) -> None:
        many = tuple(item(n, keywords=1_000) for n in range(12))
        events = CLUSTERS.decide(record(*many), CLUSTERS.initial)
        assert [event.charge for event in events] == [None, None, CHARGE]  # type: ignore[attr-defined]
        assert all(len(msgspec.json.encode(event)) < MAX_MESSAGE_BYTES for event in events)
        assert [cluster for event in events for cluster in event.clusters] == list(many)  # type: ignore[attr-defined]

    def test_a_cluster_larger_than_a_part_has_one_of_its_own(self) -> None:
        assert parts_of([item(1), item(2), item(3)], part_bytes=1) == [(item(1),), (item(2),), (item(3),)]


class TestByHand:
    def test_added_once(self) -> None:
        given(CLUSTERS)().when(AddCluster(CLUSTER, SITE, SECTOR, "a", "b")).then(ADDED)
        given(CLUSTERS)(ADDED).when(AddCluster(CLUSTER, SITE, SECTOR, "a", "b", 1, 1)).then_nothing()

    def test_added_where_the_plan_has_room(self) -> None:
        given(CLUSTERS)().when(AddCluster(CLUSTER, SITE, SECTOR, "a", "b", 1, 2)).then(ADDED)
        full = AddCluster(CLUSTER, SITE, SECTOR, "a", "b", 2, 2)
        given(CLUSTERS)().when(full).then_refused(PlanLimitReached, of="clusters", used=2, limit=2)

    def test_changed_where_it_differs(self) -> None:
        changed = ClusterChanged(
            cluster_id=CLUSTER, site_id=SITE, sector_id=SECTOR, name="c", description="b"
        )
        given(CLUSTERS)(ADDED).when(EditCluster(CLUSTER, SITE, SECTOR, name="c")).then(changed)
        given(CLUSTERS)(ADDED, changed).when(
            EditCluster(CLUSTER, SITE, SECTOR, name="c", description="b")
        ).then_nothing()

    def test_archived_once_and_then_unknown(self) -> None:
        given(CLUSTERS)(ADDED).when(ArchiveCluster(CLUSTER, SITE, SECTOR)).then(ARCHIVED)
        given(CLUSTERS)(ADDED, ARCHIVED).when(ArchiveCluster(CLUSTER, SITE, SECTOR)).then_nothing()
        given(CLUSTERS)().when(ArchiveCluster(CLUSTER, SITE, SECTOR)).then_refused(ClusterNotFound)
        edit = EditCluster(CLUSTER, SITE, SECTOR, name="c")
        given(CLUSTERS)(ADDED, ARCHIVED).when(edit).then_refused(ClusterNotFound)
