"""What may be decided about a task."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from common.contracts.writer import TaskStatus
from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes

from writer.tasks.events import (
    NoTask,
    Task,
    TaskArchived,
    TaskChanged,
    TaskCompleted,
    TaskCreated,
    TaskDetails,
    TaskEvent,
    TaskFailed,
    TaskJoinedRun,
    TaskRestored,
    TaskStarted,
    TaskState,
    evolve,
)

BY_HAND: dict[TaskStatus, frozenset[TaskStatus]] = {
    "queued": frozenset({"completed"}),
    "in_progress": frozenset(),
    "completed": frozenset({"queued"}),
    "failed": frozenset({"queued", "completed"}),
}
"""The status changes that a person may make; the others follow from the writing itself."""


class TaskNotFound(DomainError):
    """There is no such task, or it is archived."""

    code = "NOT_FOUND"
    status = 404


class TaskStatusConflict(DomainError):
    """The task's status does not allow that."""

    code = "INVALID_TRANSITION"


@dataclass(frozen=True)
class CreateTask:
    """For an idea or by hand; for an idea that has its task, a run only joins."""

    site_id: UUID
    sector_id: UUID
    details: TaskDetails
    run_id: UUID | None = None


@dataclass(frozen=True)
class EditTask:
    """`status` None leaves it as it is."""

    details: TaskDetails
    status: TaskStatus | None = None


@dataclass(frozen=True)
class StartTask:
    """An operation will write it."""

    operation_id: UUID
    run_id: UUID | None = None


@dataclass(frozen=True)
class CompleteTask:
    content_id: UUID


@dataclass(frozen=True)
class FailTask:
    operation_id: UUID
    error_code: str
    message: str
    run_id: UUID | None = None


@dataclass(frozen=True)
class ArchiveTask:
    """Out of the lists."""


@dataclass(frozen=True)
class RestoreTask:
    """Back into the lists."""


TaskCommand = CreateTask | EditTask | StartTask | CompleteTask | FailTask | ArchiveTask | RestoreTask


def decide(command: TaskCommand, state: TaskState) -> Sequence[TaskEvent]:
    if isinstance(command, CreateTask):
        return _create(command, state)
    if isinstance(state, NoTask):
        raise TaskNotFound("This task does not exist or is not yours.")
    match command:
        case EditTask():
            return _edit(command, _listed(state))
        case StartTask(operation_id, run_id):
            if state.operation_id == operation_id:
                return []
            if _listed(state).status not in ("queued", "failed"):
                raise TaskStatusConflict(
                    f"The task {state.details.title!r} is {state.status}; only queued and failed tasks can be written."
                )
            return [TaskStarted(operation_id, run_id)]
        case CompleteTask(content_id):
            return [] if state.status == "completed" else [TaskCompleted(content_id)]
        case FailTask(operation_id, error_code, message, run_id):
            if state.operation_id != operation_id or state.status != "in_progress":
                return []
            return [TaskFailed(operation_id, error_code, message, run_id)]
        case ArchiveTask():
            return [] if state.archived else [TaskArchived()]
        case RestoreTask():
            return [TaskRestored()] if state.archived else []
    assert_never(command)


def _create(command: CreateTask, state: TaskState) -> Sequence[TaskEvent]:
    if isinstance(state, NoTask):
        return [TaskCreated(command.site_id, command.sector_id, command.details, command.run_id)]
    if command.run_id is None or command.run_id in state.runs:
        return []
    return [TaskJoinedRun(state.site_id, state.sector_id, state.details, state.status, command.run_id)]


def _edit(command: EditTask, task: Task) -> Sequence[TaskEvent]:
    status = command.status or task.status
    if status != task.status and status not in BY_HAND[task.status]:
        raise TaskStatusConflict(f"A task that is {task.status} cannot be set to {status}.")
    if command.details == task.details and status == task.status:
        return []
    return [TaskChanged(task.site_id, task.sector_id, command.details, status)]


def _listed(task: Task) -> Task:
    if task.archived:
        raise TaskNotFound("This task is archived; restore it first.")
    return task


TASK: Decider[TaskState, TaskCommand] = Decider(
    category="task",
    initial=NoTask(),
    evolve=evolve,
    decide=decide,
    types=EventTypes(
        (
            TaskCreated,
            TaskJoinedRun,
            TaskChanged,
            TaskStarted,
            TaskCompleted,
            TaskFailed,
            TaskArchived,
            TaskRestored,
        )
    ),
)
