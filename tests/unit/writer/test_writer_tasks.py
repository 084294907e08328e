"""Tasks: one per idea, started once at a time, archived instead of deleted."""

from uuid import UUID

import msgspec
from common.testing import given
from writer.tasks.decisions import (
    TASK,
    ArchiveTask,
    CompleteTask,
    CreateTask,
    EditTask,
    FailTask,
    RestoreTask,
    StartTask,
    TaskNotFound,
    TaskStatusConflict,
)
from writer.tasks.events import (
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
)

SITE, SECTOR, RUN, OTHER_RUN, OPERATION, OTHER, CONTENT = (UUID(int=n) for n in range(1, 8))
DETAILS = TaskDetails(
    title="Leasing a forklift",
    description="",
    cluster_id=UUID(int=20),
    idea_id=UUID(int=21),
    content_type="post",
    content_structure="guide",
    keywords=("forklift leasing",),
    word_count=1000,
)
CREATED = TaskCreated(SITE, SECTOR, DETAILS, RUN)
STARTED = TaskStarted(OPERATION, RUN)
CREATE = CreateTask(SITE, SECTOR, DETAILS, RUN)


class TestWithoutATask:
    def test_it_is_created(self) -> None:
        given(TASK)().when(CREATE).then(CREATED)

    def test_nothing_else_can_be_done(self) -> None:
        commands = (
            EditTask(DETAILS),
            StartTask(OPERATION),
            CompleteTask(CONTENT),
            ArchiveTask(),
            RestoreTask(),
        )
        for command in (*commands, FailTask(OPERATION, "X", "x")):
            given(TASK)().when(command).then_refused(TaskNotFound)

    def test_facts_without_a_beginning_change_nothing(self) -> None:
        assert given(TASK)(TaskArchived()).state == TASK.initial


class TestWhenQueued:
    def test_the_same_run_makes_no_second_one(self) -> None:
        given(TASK)(CREATED).when(CREATE).then_nothing()

    def test_made_again_by_hand_nothing_happens(self) -> None:
        given(TASK)(CREATED).when(CreateTask(SITE, SECTOR, DETAILS)).then_nothing()

    def test_another_run_joins_once(self) -> None:
        joined = TaskJoinedRun(SITE, SECTOR, DETAILS, "queued", OTHER_RUN)
        command = CreateTask(SITE, SECTOR, DETAILS, OTHER_RUN)
        given(TASK)(CREATED).when(command).then(joined)
        given(TASK)(CREATED, joined).when(command).then_nothing()

    def test_it_is_changed(self) -> None:
        details = msgspec.structs.replace(DETAILS, title="Renting a forklift")
        changed = TaskChanged(SITE, SECTOR, details, "queued")
        given(TASK)(CREATED).when(EditTask(details)).then(changed)
        given(TASK)(CREATED, changed).when(EditTask(details)).then_nothing()

    def test_it_is_set_to_completed_by_hand(self) -> None:
        given(TASK)(CREATED).when(EditTask(DETAILS, "completed")).then(
            TaskChanged(SITE, SECTOR, DETAILS, "completed")
        )

    def test_no_hand_sets_it_to_in_progress(self) -> None:
        given(TASK)(CREATED).when(EditTask(DETAILS, "in_progress")).then_refused(TaskStatusConflict)

    def test_it_is_started(self) -> None:
        given(TASK)(CREATED).when(StartTask(OPERATION, RUN)).then(STARTED)

    def test_a_failure_of_what_never_started_is_nothing(self) -> None:
        given(TASK)(CREATED).when(FailTask(OPERATION, "X", "x")).then_nothing()


class TestWhenInProgress:
    def test_the_same_operation_starts_once(self) -> None:
        given(TASK)(CREATED, STARTED).when(StartTask(OPERATION, RUN)).then_nothing()

    def test_another_operation_is_refused(self) -> None:
        given(TASK)(CREATED, STARTED).when(StartTask(OTHER)).then_refused(TaskStatusConflict)

    def test_it_completes_once(self) -> None:
        given(TASK)(CREATED, STARTED).when(CompleteTask(CONTENT)).then(TaskCompleted(CONTENT))
        given(TASK)(CREATED, STARTED, TaskCompleted(CONTENT)).when(CompleteTask(CONTENT)).then_nothing()

    def test_it_fails_once_with_its_run(self) -> None:
        failed = TaskFailed(OPERATION, "AI_TIMEOUT", "late", RUN)
        command = FailTask(OPERATION, "AI_TIMEOUT", "late", RUN)
        given(TASK)(CREATED, STARTED).when(command).then(failed)
        given(TASK)(CREATED, STARTED, failed).when(command).then_nothing()

    def test_the_failure_of_another_operation_is_not_its_own(self) -> None:
        given(TASK)(CREATED, STARTED).when(FailTask(OTHER, "X", "x")).then_nothing()


class TestAfterwards:
    def test_a_failed_one_can_start_again(self) -> None:
        failed = TaskFailed(OPERATION, "AI_TIMEOUT", "late", RUN)
        given(TASK)(CREATED, STARTED, failed).when(StartTask(OTHER)).then(TaskStarted(OTHER))

    def test_a_completed_one_can_only_be_queued_again(self) -> None:
        done = (CREATED, STARTED, TaskCompleted(CONTENT))
        given(TASK)(*done).when(StartTask(OTHER)).then_refused(TaskStatusConflict)
        given(TASK)(*done).when(EditTask(DETAILS, "queued")).then(
            TaskChanged(SITE, SECTOR, DETAILS, "queued")
        )

    def test_archived_once_and_restored_once(self) -> None:
        given(TASK)(CREATED).when(ArchiveTask()).then(TaskArchived())
        given(TASK)(CREATED, TaskArchived()).when(ArchiveTask()).then_nothing()
        given(TASK)(CREATED, TaskArchived()).when(RestoreTask()).then(TaskRestored())
        given(TASK)(CREATED, TaskArchived(), TaskRestored()).when(RestoreTask()).then_nothing()

    def test_an_archived_one_can_be_neither_changed_nor_started(self) -> None:
        past: tuple[TaskEvent, ...] = (CREATED, TaskArchived())
        given(TASK)(*past).when(EditTask(DETAILS)).then_refused(TaskNotFound)
        given(TASK)(*past).when(StartTask(OPERATION)).then_refused(TaskNotFound)
