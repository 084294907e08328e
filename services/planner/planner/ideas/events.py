"""What can happen to the ideas of one cluster, and what is then true."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from common.contracts.operations import Charge, Usage
from common.contracts.planner import IdeaItem, IdeaStatus
from common.eventsourcing.event import Event


class IdeasGenerated(Event, frozen=True, kw_only=True):
    """Outcome of `generate_ideas` for this cluster."""

    operation_id: UUID
    item_id: UUID
    site_id: UUID
    sector_id: UUID
    ideas: tuple[IdeaItem, ...]
    usage: Usage
    charge: Charge
    run_id: UUID | None = None


class IdeaAdded(Event, frozen=True, kw_only=True):
    """By hand."""

    site_id: UUID
    sector_id: UUID
    idea: IdeaItem


class IdeaChanged(Event, frozen=True, kw_only=True):
    site_id: UUID
    sector_id: UUID
    idea: IdeaItem
    status: IdeaStatus


class IdeaArchived(Event, frozen=True, kw_only=True):
    site_id: UUID
    sector_id: UUID
    idea_id: UUID


class IdeasQueued(Event, frozen=True, kw_only=True):
    """They shall become tasks."""

    site_id: UUID
    sector_id: UUID
    ideas: tuple[IdeaItem, ...]
    run_id: UUID | None = None


class IdeaDone(Event, frozen=True, kw_only=True):
    """Its article is written."""

    site_id: UUID
    sector_id: UUID
    idea: IdeaItem


IdeasEvent = IdeasGenerated | IdeaAdded | IdeaChanged | IdeaArchived | IdeasQueued | IdeaDone


@dataclass(frozen=True)
class Idea:
    site_id: UUID
    sector_id: UUID
    item: IdeaItem
    status: IdeaStatus = "new"
    archived: bool = False


@dataclass(frozen=True)
class Ideas:
    """The ideas of one cluster; `operations` have been recorded."""

    ideas: Mapping[UUID, Idea] = field(default_factory=dict)
    operations: frozenset[UUID] = frozenset()


def evolve(state: Ideas, event: IdeasEvent) -> Ideas:
    match event:
        case IdeasGenerated():
            new = {item.idea_id: Idea(event.site_id, event.sector_id, item) for item in event.ideas}
            return Ideas({**state.ideas, **new}, state.operations | {event.operation_id})
        case IdeaAdded(site_id=site_id, sector_id=sector_id, idea=item):
            return _with(state, Idea(site_id, sector_id, item))
        case IdeaChanged(idea=item, status=status):
            return _with(state, replace(state.ideas[item.idea_id], item=item, status=status))
        case IdeaArchived(idea_id=idea_id):
            return _with(state, replace(state.ideas[idea_id], archived=True))
        case IdeasQueued(ideas=items):
            queued = {
                item.idea_id: replace(state.ideas[item.idea_id], item=item, status="queued") for item in items
            }
            return replace(state, ideas={**state.ideas, **queued})
        case IdeaDone(idea=item):
            return _with(state, replace(state.ideas[item.idea_id], status="done"))


def _with(state: Ideas, idea: Idea) -> Ideas:
    return replace(state, ideas={**state.ideas, idea.item.idea_id: idea})
