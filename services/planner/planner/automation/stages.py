"""What a run does with the planner's own data: finds the items of a stage and starts the work of stages 1 to 3.

All in the transaction that decides the stage, so a crash leaves either both or neither.
"""

from collections import defaultdict
from uuid import UUID

import sqlalchemy as sa
from common.contracts.planner import Stage
from common.database import Transaction

from planner.automation.events import Run
from planner.automation.planning import share_out
from planner.automation.process import RUN, StartStage, cap, operation_of, own_items
from planner.clusters import jobs as clustering
from planner.clusters.views import listed as clusters_listed
from planner.ideas import jobs as ideation
from planner.ideas import views as ideas
from planner.ideas.decisions import IDEAS, QueueIdeas
from planner.keywords import views as keywords


async def drive(tx: Transaction, run_id: UUID) -> None:
    """Start the stages whose turn it is; a stage without items is over at once."""
    while True:
        run, _ = await tx.load(RUN, run_id)
        stage = run.next_stage if isinstance(run, Run) else None
        if stage is None or not isinstance(run, Run):
            return
        if stage <= 3:
            await _start_own(tx, run_id, run, stage)
        else:
            await tx.handle(RUN, run_id, StartStage(stage, own_items(run, stage)))


async def _start_own(tx: Transaction, run_id: UUID, run: Run, stage: Stage) -> None:
    asked, settings = run.started, run.started.settings
    counts: dict[UUID, int] = {}
    items: tuple[UUID, ...]
    if stage == 1:
        found = await tx.first(keywords.unclustered(asked.sector_id).limit(1)) if cap(run, 1) else None
        items = (asked.sector_id,) if found else ()
    elif stage == 2:
        counts = await _ideas_wanted(tx, run)
        items = tuple(counts)
    else:
        items = tuple(
            row["idea_id"] for row in await tx.all(ideas.waiting(asked.sector_id).limit(cap(run, 3)))
        )
    handled = await tx.handle(RUN, run_id, StartStage(stage, items))
    if not isinstance(handled.state, Run) or handled.state.work is None:
        return
    if stage == 1:
        await clustering.request_clusters(
            tx,
            operation_of(run_id, 1, asked.sector_id),
            site_id=asked.site_id,
            sector_id=asked.sector_id,
            most=settings.caps.get(1, clustering.MOST_KEYWORDS),
            user_id=asked.user_id,
            run_id=run_id,
        )
    elif stage == 2:
        for cluster_id, count in counts.items():
            await ideation.request_ideas(
                tx,
                operation_of(run_id, 2, cluster_id),
                [cluster_id],
                site_id=asked.site_id,
                sector_id=asked.sector_id,
                count=count,
                word_count=settings.word_count,
                user_id=asked.user_id,
                run_id=run_id,
            )
    else:
        await queue_ideas(tx, items, run_id=run_id, word_count=settings.word_count)


async def _ideas_wanted(tx: Transaction, run: Run) -> dict[UUID, int]:
    """Ideas to ask for per cluster that has none yet; ideas that wait already count for what stage 3 may take."""
    asked, settings = run.started, run.started.settings
    needed = None
    if settings.articles is not None or 3 in settings.caps:
        waiting = sa.select(sa.func.count()).select_from(ideas.waiting(asked.sector_id).subquery())
        needed = max(cap(run, 3) - int(await tx.scalar(waiting)), 0)
    listed = clusters_listed().subquery("listed")
    with_ideas = sa.select(ideas.ideas.c.cluster_id).where(~ideas.ideas.c.archived)
    rows = await tx.all(
        sa.select(listed.c.cluster_id)
        .where(
            listed.c.sector_id == asked.sector_id,
            listed.c.status == "mapped",
            listed.c.cluster_id.not_in(with_ideas),
        )
        .order_by(listed.c.volume.desc(), listed.c.keywords_count.desc(), listed.c.name)
        .limit(cap(run, 2))
    )
    ids = [row["cluster_id"] for row in rows]
    return share_out(ids, needed=needed, per_cluster=settings.ideas_per_cluster)


async def queue_ideas(
    tx: Transaction, idea_ids: tuple[UUID, ...], *, run_id: UUID | None = None, word_count: int | None = None
) -> None:
    """Queue ideas of any clusters. Raises what `QueueIdeas` raises, before anything is kept."""
    by_cluster: dict[UUID, list[UUID]] = defaultdict(list)
    for row in await ideas.by_ids(tx, idea_ids):
        by_cluster[row["cluster_id"]].append(row["idea_id"])
    for cluster_id, ids in sorted(by_cluster.items()):
        await tx.handle(IDEAS, cluster_id, QueueIdeas(tuple(ids), run_id, word_count))
