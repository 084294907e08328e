"""What becomes of one attempt at a job: done, tried again, or given up with a record."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from common.eventsourcing.event import Meta
from common.jobs.job import Job
from common.jobs.worker import (
    FIRST_PAUSE,
    LONGEST_ASKED,
    LONGEST_PAUSE,
    NOW,
    GiveUp,
    JobHandler,
    NotYet,
    RetryLater,
    Work,
    _attempt,
    _Retry,
)
from procrastinate.jobs import Job as QueuedJob

GaveUp = list[tuple[int, BaseException]]


def handler(
    run: Callable[[Work], Awaitable[None]], gave_up: GaveUp | None, *, attempts: int = 3, limit: float = 5
) -> JobHandler:
    async def give_up(work: Work, error: BaseException) -> None:
        assert gave_up is not None
        gave_up.append((work.attempt, error))

    return JobHandler(
        Job("test", time_limit=limit, attempts=attempts), run, None if gave_up is None else give_up
    )


def work(attempt: int) -> Work:
    return Work(UUID(int=1), Meta(), {}, attempt)


def failing(error: Exception) -> Callable[[Work], Awaitable[None]]:
    async def run(_work: Work) -> None:
        raise error

    return run


async def test_an_attempt_that_works_is_the_end_of_it() -> None:
    seen: list[int] = []

    async def run(work: Work) -> None:
        seen.append(work.attempt)

    gave_up: GaveUp = []
    await _attempt(handler(run, gave_up), work(3))
    assert seen == [3]
    assert gave_up == []


@pytest.mark.parametrize("error", [ValueError("no"), RetryLater("busy", 7)])
async def test_a_failure_is_passed_on_until_the_last_attempt(error: Exception) -> None:
    gave_up: GaveUp = []
    for attempt in (1, 2):
        with pytest.raises(type(error)):
            await _attempt(handler(failing(error), gave_up), work(attempt))
    assert gave_up == []
    await _attempt(handler(failing(error), gave_up), work(3))
    assert gave_up == [(3, error)]


async def test_what_has_to_wait_is_never_given_up() -> None:
    gave_up: GaveUp = []
    with pytest.raises(NotYet):
        await _attempt(handler(failing(NotYet("later", 7)), gave_up), work(30))
    assert gave_up == []


async def test_it_gives_up_at_once_when_asked_to() -> None:
    gave_up: GaveUp = []
    await _attempt(handler(failing(GiveUp("never")), gave_up), work(1))
    assert [attempt for attempt, _ in gave_up] == [1]


async def test_without_a_record_of_failing_the_failure_stays_visible() -> None:
    with pytest.raises(ValueError):
        await _attempt(handler(failing(ValueError()), None), work(3))


async def test_an_attempt_that_takes_too_long_is_ended_and_counts_as_failed() -> None:
    ended = asyncio.Event()

    async def forever(_work: Work) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    gave_up: GaveUp = []
    with pytest.raises(TimeoutError):
        await _attempt(handler(forever, gave_up, limit=0.01), work(1))
    assert ended.is_set()
    await _attempt(handler(forever, gave_up, limit=0.01), work(3))
    assert isinstance(gave_up[0][1], TimeoutError)


@pytest.mark.parametrize(
    ("error", "attempts", "seconds"),
    [
        (ValueError(), 0, FIRST_PAUSE),
        (ValueError(), 3, FIRST_PAUSE * 8),
        (ValueError(), 30, LONGEST_PAUSE),
        (ValueError(), 5_000, LONGEST_PAUSE),
        (RetryLater("busy", 12.5), 30, 12.5),
        (RetryLater("until a time, in seconds", 1.7e9), 0, LONGEST_ASKED),
        (RetryLater("in milliseconds", 1.7e12), 0, LONGEST_ASKED),
        (RetryLater("for ever", float("inf")), 0, LONGEST_ASKED),
        (RetryLater("no number", float("nan")), 0, 0.0),
    ],
)
def test_pauses_grow_or_are_what_the_outside_asked_for(
    error: Exception, attempts: int, seconds: float
) -> None:
    fields: dict[str, Any] = {"id": 1, "queue": "jobs", "lock": None, "queueing_lock": None, "task_name": "t"}
    queued = QueuedJob(**fields, attempts=attempts, priority=0, task_kwargs={})
    decision = _Retry().get_retry_decision(exception=error, job=queued)
    assert decision.retry_at is not None
    assert (decision.retry_at - NOW).total_seconds() == seconds
