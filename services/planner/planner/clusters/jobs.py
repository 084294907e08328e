"""Grouping keywords: the paid function `auto_cluster`, one item per operation."""

from collections.abc import Sequence
from uuid import UUID

from common.ai.engine import Answer
from common.ai.functions import ClusterInput, ClusterOutput
from common.ai.operations import steps as operations
from common.ai.operations.events import Operation
from common.contracts.operations import Charge, OperationItem
from common.contracts.planner import ClusterItem
from common.database import Row, Transaction
from common.ids import stable_id
from common.replicas import limits

from planner.clusters import views
from planner.clusters.decisions import CLUSTERS, RecordClusters
from planner.keywords import views as keywords
from planner.keywords.decisions import MapKeywords

MOST_KEYWORDS = 5_000
"""An operation's: what one grouping compares pair by pair in memory, and one cluster's ids in one message."""
LONGEST_DESCRIPTION = 1_000
CHARGE = Charge(kind="clustering", units=1)


async def request_clusters(
    tx: Transaction,
    operation_id: UUID,
    *,
    site_id: UUID,
    sector_id: UUID,
    keyword_ids: Sequence[UUID] | None = None,
    most: int = MOST_KEYWORDS,
    user_id: UUID | None = None,
    run_id: UUID | None = None,
) -> None:
    """For the chosen keywords, or the sector's `most` searched-for ones without a cluster.

    Raises 402, and 403 where the plan has no room for a cluster (a run's fails when it begins).
    """
    if run_id is None and await operations.is_new(tx, operation_id):
        await limits.require_some_room(tx, "clusters", views.clusters)
    parameters: dict[str, object] = {"most": min(most, MOST_KEYWORDS)}
    if keyword_ids is not None:
        parameters["keyword_ids"] = [str(id) for id in keyword_ids]
    await operations.request(
        tx,
        operations.Request(
            operation_id=operation_id,
            function="auto_cluster",
            items=(OperationItem(item_id=sector_id, charge=CHARGE),),
            site_id=site_id,
            sector_id=sector_id,
            user_id=user_id,
            run_id=run_id,
            parameters=parameters,
        ),
    )


class AutoCluster:
    """One item is one sector's keywords."""

    async def prepare(self, tx: Transaction, operation: Operation, item_id: UUID) -> ClusterInput | None:
        rows = await _asked_for(tx, operation)
        if rows:
            await limits.require_some_room(tx, "clusters", views.clusters)
        # In the order of the texts: the same keywords are the same question, whatever ids and times they have.
        return ClusterInput(keywords=sorted(row["keyword"] for row in rows)) if rows else None

    async def record(
        self, tx: Transaction, operation: Operation, item_id: UUID, answer: Answer[ClusterOutput]
    ) -> None:
        asked = operation.request
        await tx.lock()
        rows = {row["keyword"]: row for row in await _asked_for(tx, operation)}
        formed: list[tuple[ClusterItem, list[Row]]] = []
        for draft in answer.output.clusters:
            # A keyword that was archived or found a cluster while the answer was on its way stays out.
            members = [rows.pop(text) for text in draft.keywords if text in rows]
            if members:
                formed.append((_item(asked.operation_id, draft.name, draft.description, members), members))
        used, limit = await limits.room(tx, "clusters", views.clusters)
        await tx.handle(
            CLUSTERS,
            asked.sector_id,
            RecordClusters(
                operation_id=asked.operation_id,
                item_id=item_id,
                site_id=asked.site_id,
                sector_id=asked.sector_id,
                clusters=tuple(item for item, _ in formed),
                unclustered=len(rows),
                usage=answer.usage,
                charge=CHARGE,
                run_id=asked.run_id,
                used=used,
                limit=limit,
            ),
        )
        placed = [(keywords.as_keyword(row), item.cluster_id) for item, members in formed for row in members]
        command = MapKeywords(
            asked.site_id,
            asked.sector_id,
            tuple(keyword for keyword, _ in placed),
            tuple(cluster_id for _, cluster_id in placed),
        )
        await keywords.change(tx, asked.sector_id, command)

    async def failed(
        self, tx: Transaction, operation: Operation, item_id: UUID, error_code: str, message: str
    ) -> None:
        """The keywords stay as they were; the operation's own fact says it all."""


async def _asked_for(tx: Transaction, operation: Operation) -> list[Row]:
    parameters = operation.request.parameters
    unclustered = keywords.unclustered(operation.request.sector_id)
    if "keyword_ids" in parameters:
        ids = [UUID(id) for id in parameters["keyword_ids"]]
        return await tx.all(unclustered.where(keywords.keywords.c.keyword_id.in_(ids)))
    return await tx.all(unclustered.limit(int(parameters["most"])))


def _item(operation_id: UUID, name: str, description: str, members: Sequence[Row]) -> ClusterItem:
    return ClusterItem(
        cluster_id=stable_id(operation_id, "cluster", name),
        name=name,
        description=description[:LONGEST_DESCRIPTION],
        keyword_ids=tuple(row["keyword_id"] for row in members),
        volume=sum(row["volume"] or 0 for row in members),
    )
