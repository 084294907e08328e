"""Which facts of the planner are said in public, and how."""

from common.ai.operations.publish import publish_operation
from common.contracts import Contract
from common.contracts import planner as public
from common.eventsourcing.decider import StreamName
from common.eventsourcing.event import Event, Recorded
from common.export.publish import publish_part

from planner.automation import events as automation
from planner.clusters import events as clusters
from planner.ideas import events as ideas
from planner.keywords import events as keywords


def publish(fact: Recorded[Event]) -> Contract | None:
    """The contract of a fact; None for what stays inside."""
    event = fact.event
    return (
        _keywords(event)
        or _clusters(event)
        or _ideas(event)
        or _automation(fact)
        or publish_operation(fact)
        or publish_part(event)
    )


def _keywords(event: Event) -> Contract | None:
    match event:
        case keywords.KeywordsAdded(site_id, sector_id, listed) | keywords.KeywordsRevised(
            site_id, sector_id, listed
        ):
            shown = tuple(_keyword(keyword) for keyword in listed)
            return public.KeywordsChanged(site_id=site_id, sector_id=sector_id, keywords=shown)
        case keywords.KeywordsRemoved(site_id, sector_id, ids):
            return public.KeywordsArchived(site_id=site_id, sector_id=sector_id, keyword_ids=ids)
        case _:
            return None


def _keyword(keyword: keywords.Keyword) -> public.KeywordItem:
    return public.KeywordItem(
        keyword_id=keyword.keyword_id,
        keyword=keyword.keyword,
        volume=keyword.volume,
        difficulty=keyword.difficulty,
        intent=keyword.intent,
        status=keyword.status,
        cluster_id=keyword.cluster_id,
    )


def _clusters(event: Event) -> Contract | None:
    match event:
        case clusters.ClustersFormed():
            return public.KeywordsClustered(
                operation_id=event.operation_id,
                item_id=event.item_id,
                site_id=event.site_id,
                sector_id=event.sector_id,
                clusters=event.clusters,
                unclustered=event.unclustered,
                usage=event.usage,
                charge=event.charge,
                part=event.part,
                parts=event.parts,
                run_id=event.run_id,
            )
        case clusters.ClusterAdded() | clusters.ClusterChanged():
            named = public.ClusterName(cluster_id=event.cluster_id, name=event.name)
            return public.ClustersChanged(site_id=event.site_id, sector_id=event.sector_id, clusters=(named,))
        case clusters.ClusterArchived():
            return public.ClustersArchived(
                site_id=event.site_id, sector_id=event.sector_id, cluster_ids=(event.cluster_id,)
            )
        case _:
            return None


def _ideas(event: Event) -> Contract | None:
    match event:
        case ideas.IdeasGenerated():
            return public.IdeasGenerated(
                operation_id=event.operation_id,
                item_id=event.item_id,
                site_id=event.site_id,
                sector_id=event.sector_id,
                ideas=event.ideas,
                usage=event.usage,
                charge=event.charge,
                run_id=event.run_id,
            )
        case ideas.IdeaAdded():
            return _idea(event, "new")
        case ideas.IdeaChanged():
            return _idea(event, event.status)
        case ideas.IdeaDone():
            return _idea(event, "done")
        case ideas.IdeaArchived():
            return public.IdeasArchived(
                site_id=event.site_id, sector_id=event.sector_id, idea_ids=(event.idea_id,)
            )
        case ideas.IdeasQueued():
            return public.IdeasQueued(
                site_id=event.site_id, sector_id=event.sector_id, ideas=event.ideas, run_id=event.run_id
            )
        case _:
            return None


def _idea(event: ideas.IdeaAdded | ideas.IdeaChanged | ideas.IdeaDone, status: public.IdeaStatus) -> Contract:
    title = public.IdeaTitle(idea_id=event.idea.idea_id, title=event.idea.title, status=status)
    return public.IdeasChanged(site_id=event.site_id, sector_id=event.sector_id, ideas=(title,))


def _automation(fact: Recorded[Event]) -> Contract | None:
    if not fact.stream.startswith("run-"):
        return None
    run_id = StreamName.parse(fact.stream).id
    match fact.event:
        case automation.RunStarted() as event:
            return public.PipelineRunStarted(
                run_id=run_id,
                site_id=event.site_id,
                sector_id=event.sector_id,
                auto_approve=event.settings.auto_approve,
                user_id=event.user_id,
            )
        case automation.StageStarted() as event:
            return public.PipelineStageStarted(
                run_id=run_id,
                stage=event.stage,
                site_id=event.site_id,
                sector_id=event.sector_id,
                items=event.items,
                auto_approve=event.auto_approve,
                user_id=event.user_id,
            )
        case automation.StageFinished(stage, items, failed, credits):
            return public.PipelineStageFinished(
                run_id=run_id, stage=stage, items=items, failed=failed, credits=credits
            )
        case automation.RunPaused():
            return public.PipelineRunPaused(run_id=run_id)
        case automation.RunResumed():
            return public.PipelineRunResumed(run_id=run_id)
        case automation.RunCancelled():
            return public.PipelineRunCancelled(run_id=run_id)
        case automation.RunFinished(outcome, reason):
            return public.PipelineRunFinished(run_id=run_id, outcome=outcome, reason=reason)
        case _:
            return None
