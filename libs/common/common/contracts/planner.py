"""What the planner says: keywords, clusters, ideas and the pipeline."""

from typing import Literal
from uuid import UUID

import msgspec

from common.contracts.base import Contract, contract
from common.contracts.operations import Charge, Millicredits, Usage

Intent = Literal["informational", "navigational", "commercial", "transactional"]
KeywordStatus = Literal["new", "mapped", "archived"]
ContentType = Literal["post", "page", "product", "taxonomy_term"]
ContentStructure = Literal["article", "guide", "comparison", "review", "listicle", "landing_page", "how_to"]
IdeaStatus = Literal["new", "queued", "done", "rejected"]
Stage = Literal[1, 2, 3, 4, 5, 6, 7]


class KeywordItem(msgspec.Struct, frozen=True, kw_only=True):
    keyword_id: UUID
    keyword: str
    volume: int | None = None
    difficulty: int | None = None
    intent: Intent | None = None
    status: KeywordStatus = "new"
    cluster_id: UUID | None = None


@contract(by=("planner",), heard_by=("gateway",))
class KeywordsChanged(Contract, frozen=True, kw_only=True):
    """Up to 500 keywords of one sector as they are now."""

    site_id: UUID
    sector_id: UUID
    keywords: tuple[KeywordItem, ...]


@contract(by=("planner",), heard_by=("gateway",))
class KeywordsArchived(Contract, frozen=True, kw_only=True):
    site_id: UUID
    sector_id: UUID
    keyword_ids: tuple[UUID, ...]


class ClusterItem(msgspec.Struct, frozen=True, kw_only=True):
    cluster_id: UUID
    name: str
    description: str
    keyword_ids: tuple[UUID, ...]
    volume: int = 0


@contract(by=("planner",), heard_by=("billing", "writer", "gateway"))
class KeywordsClustered(Contract, frozen=True, kw_only=True):
    """Outcome of `auto_cluster`. Long lists travel in parts; only the last part carries the `charge`."""

    operation_id: UUID
    item_id: UUID
    site_id: UUID
    sector_id: UUID
    clusters: tuple[ClusterItem, ...]
    unclustered: int
    usage: Usage
    charge: Charge | None
    part: int = 1
    parts: int = 1
    run_id: UUID | None = None


class ClusterName(msgspec.Struct, frozen=True, kw_only=True):
    cluster_id: UUID
    name: str


@contract(by=("planner",), heard_by=("writer", "gateway"))
class ClustersChanged(Contract, frozen=True, kw_only=True):
    site_id: UUID
    sector_id: UUID
    clusters: tuple[ClusterName, ...]


@contract(by=("planner",), heard_by=("writer", "gateway"))
class ClustersArchived(Contract, frozen=True, kw_only=True):
    site_id: UUID
    sector_id: UUID
    cluster_ids: tuple[UUID, ...]


class IdeaItem(msgspec.Struct, frozen=True, kw_only=True):
    idea_id: UUID
    cluster_id: UUID
    title: str
    description: str
    content_type: ContentType
    content_structure: ContentStructure
    target_keywords: tuple[str, ...]
    word_count: int


@contract(by=("planner",), heard_by=("billing", "gateway"))
class IdeasGenerated(Contract, frozen=True, kw_only=True):
    """Outcome of `generate_ideas` for one cluster (`item_id` = cluster_id)."""

    operation_id: UUID
    item_id: UUID
    site_id: UUID
    sector_id: UUID
    ideas: tuple[IdeaItem, ...]
    usage: Usage
    charge: Charge
    run_id: UUID | None = None


class IdeaTitle(msgspec.Struct, frozen=True, kw_only=True):
    idea_id: UUID
    title: str
    status: IdeaStatus


@contract(by=("planner",), heard_by=("gateway",))
class IdeasChanged(Contract, frozen=True, kw_only=True):
    site_id: UUID
    sector_id: UUID
    ideas: tuple[IdeaTitle, ...]


@contract(by=("planner",), heard_by=("gateway",))
class IdeasArchived(Contract, frozen=True, kw_only=True):
    site_id: UUID
    sector_id: UUID
    idea_ids: tuple[UUID, ...]


@contract(by=("planner",), heard_by=("writer", "gateway"))
class IdeasQueued(Contract, frozen=True, kw_only=True):
    """Ideas to become tasks; the writer makes one task per idea, once."""

    site_id: UUID
    sector_id: UUID
    ideas: tuple[IdeaItem, ...]
    run_id: UUID | None = None


@contract(by=("planner",), heard_by=("gateway",))
class PipelineRunStarted(Contract, frozen=True, kw_only=True):
    run_id: UUID
    site_id: UUID
    sector_id: UUID
    auto_approve: bool
    user_id: UUID | None = None


@contract(by=("planner",), heard_by=("writer", "gateway"))
class PipelineStageStarted(Contract, frozen=True, kw_only=True):
    """The owning service works on `items`: 4 task ids, 5 content ids, 6 image ids, 7 content ids; 1 to 3 stay in the planner."""

    run_id: UUID
    stage: Stage
    site_id: UUID
    sector_id: UUID
    items: tuple[UUID, ...]
    auto_approve: bool = False
    user_id: UUID | None = None


@contract(by=("planner",), heard_by=("gateway",))
class PipelineStageFinished(Contract, frozen=True, kw_only=True):
    run_id: UUID
    stage: Stage
    items: int
    failed: int
    credits: Millicredits


@contract(by=("planner",), heard_by=("gateway",))
class PipelineRunPaused(Contract, frozen=True, kw_only=True):
    run_id: UUID


@contract(by=("planner",), heard_by=("gateway",))
class PipelineRunResumed(Contract, frozen=True, kw_only=True):
    run_id: UUID


@contract(by=("planner",), heard_by=("writer", "gateway"))
class PipelineRunCancelled(Contract, frozen=True, kw_only=True):
    run_id: UUID


@contract(by=("planner",), heard_by=("gateway",))
class PipelineRunFinished(Contract, frozen=True, kw_only=True):
    run_id: UUID
    outcome: Literal["completed", "failed"]
    reason: str | None = None
