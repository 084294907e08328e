"""What can happen to a task, and what is then true."""

from dataclasses import dataclass, field, replace
from uuid import UUID

import msgspec
from common.contracts.planner import ContentStructure, ContentType
from common.contracts.writer import TaskStatus
from common.eventsourcing.event import Event


class TaskDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written; `word_count` is the wished length of the article."""

    title: str
    description: str
    cluster_id: UUID
    idea_id: UUID | None
    content_type: ContentType
    content_structure: ContentStructure
    keywords: tuple[str, ...]
    word_count: int


class TaskCreated(Event, frozen=True):
    site_id: UUID
    sector_id: UUID
    details: TaskDetails
    run_id: UUID | None = None


class TaskJoinedRun(Event, frozen=True):
    """A run queued the idea of a task that exists already."""

    site_id: UUID
    sector_id: UUID
    details: TaskDetails
    status: TaskStatus
    run_id: UUID


class TaskChanged(Event, frozen=True):
    site_id: UUID
    sector_id: UUID
    details: TaskDetails
    status: TaskStatus


class TaskStarted(Event, frozen=True):
    operation_id: UUID
    run_id: UUID | None = None


class TaskCompleted(Event, frozen=True):
    content_id: UUID


class TaskFailed(Event, frozen=True):
    operation_id: UUID
    error_code: str
    message: str
    run_id: UUID | None = None


class TaskArchived(Event, frozen=True):
    """Gone from the lists; can be restored."""


class TaskRestored(Event, frozen=True):
    """Back in the lists."""


TaskEvent = (
    TaskCreated
    | TaskJoinedRun
    | TaskChanged
    | TaskStarted
    | TaskCompleted
    | TaskFailed
    | TaskArchived
    | TaskRestored
)


@dataclass(frozen=True)
class NoTask:
    """Nobody has made it."""


@dataclass(frozen=True)
class Task:
    """`operation_id` is the operation that writes it, or wrote it last."""

    site_id: UUID
    sector_id: UUID
    details: TaskDetails
    status: TaskStatus = "queued"
    operation_id: UUID | None = None
    runs: frozenset[UUID] = field(default_factory=frozenset)
    archived: bool = False


TaskState = NoTask | Task


def evolve(state: TaskState, event: TaskEvent) -> TaskState:
    if isinstance(event, TaskCreated):
        runs = frozenset({event.run_id} if event.run_id else ())
        return Task(event.site_id, event.sector_id, event.details, runs=runs)
    if isinstance(state, NoTask):
        return state
    match event:
        case TaskJoinedRun(run_id=run_id):
            return replace(state, runs=state.runs | {run_id})
        case TaskChanged(details=details, status=status):
            return replace(state, details=details, status=status)
        case TaskStarted(operation_id):
            return replace(state, status="in_progress", operation_id=operation_id)
        case TaskCompleted():
            return replace(state, status="completed")
        case TaskFailed():
            return replace(state, status="failed")
        case TaskArchived():
            return replace(state, archived=True)
        case TaskRestored():
            return replace(state, archived=False)
