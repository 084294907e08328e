"""What may be decided about ideas."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

import msgspec
from common.contracts.operations import Charge, Usage
from common.contracts.planner import IdeaItem, IdeaStatus
from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes
from common.plan_limits import require_room

from planner.ideas.events import (
    Idea,
    IdeaAdded,
    IdeaArchived,
    IdeaChanged,
    IdeaDone,
    Ideas,
    IdeasEvent,
    IdeasGenerated,
    IdeasQueued,
    evolve,
)
from planner.parts import parts_of

BY_HAND: dict[IdeaStatus, frozenset[IdeaStatus]] = {
    "new": frozenset({"rejected"}),
    "queued": frozenset(),
    "done": frozenset(),
    "rejected": frozenset({"new"}),
}
"""The status changes that a person may make; the others follow from queueing and writing."""


class IdeaNotFound(DomainError):
    """There is no such idea, or it is archived."""

    code = "NOT_FOUND"
    status = 404


class IdeaStatusConflict(DomainError):
    """The idea's status does not allow that."""

    code = "INVALID_TRANSITION"


@dataclass(frozen=True, kw_only=True)
class RecordIdeas:
    """`used` ideas are in the account, which may have `limit` (None: any number of) them."""

    operation_id: UUID
    item_id: UUID
    site_id: UUID
    sector_id: UUID
    ideas: tuple[IdeaItem, ...]
    usage: Usage
    charge: Charge
    run_id: UUID | None = None
    used: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class AddIdea:
    """`used` and `limit` as in `RecordIdeas`."""

    site_id: UUID
    sector_id: UUID
    idea: IdeaItem
    used: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class EditIdea:
    """`status` None leaves it as it is."""

    idea: IdeaItem
    status: IdeaStatus | None = None


@dataclass(frozen=True)
class ArchiveIdea:
    idea_id: UUID


@dataclass(frozen=True)
class QueueIdeas:
    """A queued idea is not queued again; `word_count` is the length a run asks for."""

    idea_ids: tuple[UUID, ...]
    run_id: UUID | None = None
    word_count: int | None = None


@dataclass(frozen=True)
class FinishIdea:
    """Its article is written."""

    idea_id: UUID


IdeasCommand = RecordIdeas | AddIdea | EditIdea | ArchiveIdea | QueueIdeas | FinishIdea


def decide(command: IdeasCommand, state: Ideas) -> Sequence[IdeasEvent]:
    match command:
        case RecordIdeas():
            return [] if command.operation_id in state.operations else [_generated(command)]
        case AddIdea(site_id, sector_id, item):
            if item.idea_id in state.ideas:
                return []
            require_room("ideas", command.limit, command.used)
            return [IdeaAdded(site_id=site_id, sector_id=sector_id, idea=item)]
        case EditIdea(item, status):
            return _edit(_listed(state, item.idea_id), item, status)
        case ArchiveIdea(idea_id):
            idea = _known(state, idea_id)
            gone = IdeaArchived(site_id=idea.site_id, sector_id=idea.sector_id, idea_id=idea_id)
            return [] if idea.archived else [gone]
        case QueueIdeas():
            return _queue(command, state)
        case FinishIdea(idea_id):
            idea = _known(state, idea_id)
            done = IdeaDone(site_id=idea.site_id, sector_id=idea.sector_id, idea=idea.item)
            return [done] if idea.status == "queued" else []
    assert_never(command)


def _generated(command: RecordIdeas) -> IdeasGenerated:
    """All of them or none. Raises `PlanLimitReached`."""
    if command.ideas:
        require_room("ideas", command.limit, command.used, len(command.ideas))
    return IdeasGenerated(
        operation_id=command.operation_id,
        item_id=command.item_id,
        site_id=command.site_id,
        sector_id=command.sector_id,
        ideas=command.ideas,
        usage=command.usage,
        charge=command.charge,
        run_id=command.run_id,
    )


def _edit(idea: Idea, item: IdeaItem, wanted: IdeaStatus | None) -> Sequence[IdeasEvent]:
    status = wanted or idea.status
    if status != idea.status and status not in BY_HAND[idea.status]:
        raise IdeaStatusConflict(f"An idea that is {idea.status} cannot be set to {status}.")
    if item == idea.item and status == idea.status:
        return []
    return [IdeaChanged(site_id=idea.site_id, sector_id=idea.sector_id, idea=item, status=status)]


def _queue(command: QueueIdeas, state: Ideas) -> Sequence[IdeasEvent]:
    ideas = [_listed(state, idea_id) for idea_id in dict.fromkeys(command.idea_ids)]
    for idea in ideas:
        if idea.status in ("done", "rejected"):
            raise IdeaStatusConflict(
                f"The idea {idea.item.title!r} is {idea.status}; only new ones can be queued."
            )
    new = [idea for idea in ideas if idea.status == "new"]
    if not new:
        return []
    items = (
        idea.item
        if command.word_count is None
        else msgspec.structs.replace(idea.item, word_count=command.word_count)
        for idea in new
    )
    return [
        IdeasQueued(site_id=new[0].site_id, sector_id=new[0].sector_id, ideas=part, run_id=command.run_id)
        for part in parts_of(items)
    ]


def _known(state: Ideas, idea_id: UUID) -> Idea:
    idea = state.ideas.get(idea_id)
    if idea is None:
        raise IdeaNotFound(f"The idea {idea_id} does not exist or is not yours.")
    return idea


def _listed(state: Ideas, idea_id: UUID) -> Idea:
    idea = _known(state, idea_id)
    if idea.archived:
        raise IdeaNotFound(f"The idea {idea_id} is archived.")
    return idea


IDEAS: Decider[Ideas, IdeasCommand] = Decider(
    category="ideas",
    initial=Ideas(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((IdeasGenerated, IdeaAdded, IdeaChanged, IdeaArchived, IdeasQueued, IdeaDone)),
)
