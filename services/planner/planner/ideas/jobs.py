"""Proposing articles: the paid function `generate_ideas`, one item per cluster."""

from collections.abc import Sequence
from uuid import UUID

from common.ai.engine import Answer
from common.ai.functions import IdeasInput, IdeasOutput
from common.ai.operations import steps as operations
from common.ai.operations.events import Operation
from common.contracts.operations import Charge, OperationItem
from common.contracts.planner import IdeaItem
from common.database import Transaction
from common.ids import stable_id
from common.replicas import limits

from planner.clusters.decisions import CLUSTERS
from planner.ideas import views
from planner.ideas.decisions import IDEAS, RecordIdeas
from planner.keywords import views as keywords

DEFAULT_COUNT, MOST_IDEAS = 3, 20
"""Ideas per cluster where nothing is asked for, and the most that one answer is asked for."""
MOST_KEYWORDS = 100
"""A question's: the most searched-for ones; more would not fit into what small models read with attention."""
CHARGE = Charge(kind="ideas", units=1)


async def request_ideas(
    tx: Transaction,
    operation_id: UUID,
    cluster_ids: Sequence[UUID],
    *,
    site_id: UUID,
    sector_id: UUID,
    count: int = DEFAULT_COUNT,
    word_count: int | None = None,
    user_id: UUID | None = None,
    run_id: UUID | None = None,
) -> None:
    """`count` ideas for each cluster of one sector; `word_count` is the length of their articles.

    Raises 402, and 403 where the plan has no room for an idea (a run's fails when it begins).
    """
    if run_id is None and await operations.is_new(tx, operation_id):
        await limits.require_some_room(tx, "ideas", views.ideas)
    await operations.request(
        tx,
        operations.Request(
            operation_id=operation_id,
            function="generate_ideas",
            items=tuple(OperationItem(item_id=id, charge=CHARGE) for id in cluster_ids),
            site_id=site_id,
            sector_id=sector_id,
            user_id=user_id,
            run_id=run_id,
            parameters={"count": count, "word_count": word_count},
        ),
    )


class GenerateIdeas:
    """One item is one cluster."""

    async def prepare(self, tx: Transaction, operation: Operation, item_id: UUID) -> IdeasInput | None:
        state, _ = await tx.load(CLUSTERS, operation.request.sector_id)
        cluster = state.clusters.get(item_id)
        if cluster is None or cluster.archived:
            return None
        await limits.require_some_room(tx, "ideas", views.ideas)
        members = await keywords.in_cluster(tx, item_id)
        return IdeasInput(
            cluster_name=cluster.name,
            description=cluster.description,
            keywords=[row["keyword"] for row in members[:MOST_KEYWORDS]],
            count=int(operation.request.parameters["count"]),
        )

    async def record(
        self, tx: Transaction, operation: Operation, item_id: UUID, answer: Answer[IdeasOutput]
    ) -> None:
        asked = operation.request
        length = asked.parameters.get("word_count")
        items = tuple(
            IdeaItem(
                idea_id=stable_id(asked.operation_id, item_id, "idea", number),
                cluster_id=item_id,
                title=draft.title,
                description=draft.description,
                content_type=draft.content_type,
                content_structure=draft.content_structure,
                target_keywords=tuple(draft.target_keywords),
                word_count=int(length or draft.estimated_word_count),
            )
            for number, draft in enumerate(answer.output.ideas, 1)
        )
        used, limit = await limits.room(tx, "ideas", views.ideas)
        await tx.handle(
            IDEAS,
            item_id,
            RecordIdeas(
                operation_id=asked.operation_id,
                item_id=item_id,
                site_id=asked.site_id,
                sector_id=asked.sector_id,
                ideas=items,
                usage=answer.usage,
                charge=CHARGE,
                run_id=asked.run_id,
                used=used,
                limit=limit,
            ),
        )

    async def failed(
        self, tx: Transaction, operation: Operation, item_id: UUID, error_code: str, message: str
    ) -> None:
        """Nothing was there before, nothing is there now: the operation's own fact says it all."""
