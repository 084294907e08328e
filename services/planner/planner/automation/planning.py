"""How many ideas a run asks for, and of which clusters."""

from collections.abc import Sequence
from uuid import UUID

from planner.ideas.jobs import DEFAULT_COUNT, MOST_IDEAS


def share_out(cluster_ids: Sequence[UUID], *, needed: int | None, per_cluster: int | None) -> dict[UUID, int]:
    """Ideas to ask for per cluster; `cluster_ids` come in the order they are preferred.

    Without `needed` every cluster gets `per_cluster`. Else as few clusters as will do share what is needed evenly, the
    first ones a little more; what `per_cluster` forbids, or `MOST_IDEAS`, is not asked for.
    """
    each = min(per_cluster or DEFAULT_COUNT, MOST_IDEAS)
    if needed is None:
        return dict.fromkeys(cluster_ids, each)
    chosen = list(cluster_ids)[: -(-max(needed, 0) // each)]
    if not chosen:
        return {}
    most = each if per_cluster else MOST_IDEAS
    share, more = divmod(needed, len(chosen))
    return {id: min(share + (number < more), most) for number, id in enumerate(chosen)}
