"""The worker of a service: runs jobs, with time limits and growing pauses, and rescues those of a killed worker."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import msgspec
import procrastinate
import psycopg
import structlog
from procrastinate import JobContext, RetryDecision
from procrastinate.connector import BaseConnector
from procrastinate.jobs import Job as QueuedJob
from procrastinate.jobs import Status
from procrastinate.manager import JobManager
from procrastinate.retry import BaseRetryStrategy
from procrastinate.worker import Worker

from common.crash_points import crash_point
from common.database import connection_options, forget_ended_tasks, is_of_erased, pool_task_ended
from common.eventsourcing.event import Meta
from common.jobs.job import Job
from common.telemetry import job_span

log = structlog.get_logger()

CONCURRENCY = 8
"""Jobs mostly wait for somebody else's server; the CPU-bound ones share one child process anyway."""
HEARTBEAT_SECONDS = 1.0
STALLED_AFTER_SECONDS = 4.0
"""Four missed heartbeats: short enough that a killed worker's job goes on within seconds, long enough for a busy
machine. A job taken for dead too early runs twice at once, which every job has to stand anyway."""
STUCK_AFTER_SECONDS = 7.0
"""A worker that could begin a job asks for one every second; health is red within ten when it does not."""
PARTING_SECONDS = 5.0
"""How long a worker that is told to end may take: jobs have two seconds, then they are aborted."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
LONGEST_ASKED = 3_600.0
"""Of what the outside asks for: a server that means a time by its number of seconds asks for decades."""
MOST_DOUBLINGS = 10
"""Of pauses that are bounded anyway: a job that is never given up has thousands of attempts, and 2.0**1024 is no number."""

NOW = datetime(2000, 1, 1, tzinfo=UTC)
"""Stands for the database's time in the times that are given to procrastinate. Its workers compare them with the database's
clock: by this process's own, half a minute behind, all attempts at a job would be used up at once."""


class RetryLater(Exception):
    """The outside asked for a pause of `seconds`; raised by a job instead of a failure."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class NotYet(RetryLater):
    """Nothing could be tried so far: the pause of `seconds` takes none of the job's attempts."""


class GiveUp(Exception):
    """No further attempt will help; the job's `give_up` runs at once."""


class WorkerEnded(Exception):
    """A part of the worker ended or stands still; the supervisor begins a new one."""


@dataclass(frozen=True, slots=True)
class Work:
    """One attempt at one job."""

    account_id: UUID
    meta: Meta
    arguments: Mapping[str, Any]
    attempt: int


@dataclass(frozen=True, slots=True)
class JobHandler:
    """How a service does a kind of work. Both parts are idempotent: they can run again after a crash anywhere.

    `give_up` records that it failed for good; it must not depend on what failed.
    """

    job: Job
    run: Callable[[Work], Awaitable[None]]
    give_up: Callable[[Work, BaseException], Awaitable[None]] | None = None


class _Retry(BaseRetryStrategy):
    """Attempts are bounded by the handler itself (it must still record the failure), so this only spaces them."""

    def get_retry_decision(self, *, exception: BaseException, job: QueuedJob) -> RetryDecision:
        seconds = (
            min(max(0.0, exception.seconds), LONGEST_ASKED)
            if isinstance(exception, RetryLater)
            else min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(job.attempts, MOST_DOUBLINGS))
        )
        return RetryDecision(retry_at=NOW + timedelta(seconds=seconds))


_TAKE_UP = (
    "UPDATE procrastinate_jobs SET status = 'todo', attempts = attempts + %(tried)s, scheduled_at = now()"
    " WHERE id = %(id)s AND status = 'doing' AND worker_id IS NOT DISTINCT FROM %(worker_id)s::bigint RETURNING id"
)
_FETCH = (
    "SELECT set_config('synchronous_commit', 'off', true), job.*"
    " FROM procrastinate_fetch_job_v2(%(queues)s::varchar[], %(worker_id)s) AS job"
)
"""That a job was taken need not outlive PostgreSQL: forgotten, it is taken again, as after a crash of its worker. What it
does and that it is done are synced to disk."""


async def _commit_each_statement(connection: psycopg.AsyncConnection[Any]) -> None:
    """Each statement of the queue is a transaction of its own: no round trips to begin and to end it."""
    await connection.set_autocommit(True)


class _JobManager(JobManager):
    def __init__(self, connector: BaseConnector) -> None:
        super().__init__(connector)
        self.not_yet: set[int | None] = set()
        """The ids of jobs whose attempt was none."""
        self.asked_at = 0.0
        """When the database last answered whether there is a job."""

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> QueuedJob | None:
        row = await self.connector.execute_query_one_async(query=_FETCH, queues=queues, worker_id=worker_id)
        self.asked_at = monotonic()
        return None if row["id"] is None else QueuedJob.from_row(row)

    async def finish_job(self, job: QueuedJob, status: Status, delete_job: bool) -> None:
        await super().finish_job(job, status, delete_job)
        crash_point("job.after_completion")

    async def retry_job(
        self,
        job: QueuedJob,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """`retry_at` counts from `NOW`."""
        row = await self.connector.execute_query_one_async("SELECT now() AS now")
        later = (retry_at or NOW) - NOW
        if job.id in self.not_yet:  # counted back first: afterwards somebody may have begun it again
            self.not_yet.discard(job.id)
            await self.connector.execute_query_async(
                "UPDATE procrastinate_jobs SET attempts = attempts - 1 WHERE id = %(id)s", id=job.id
            )
        await super().retry_job(job, row["now"] + later, priority, queue, lock)

    async def take_up(self, job: QueuedJob) -> bool:
        """Have a job done again that nobody is at; False where another worker was faster: somebody may be at it now."""
        tried = int(job.id not in self.not_yet)
        self.not_yet.discard(job.id)
        return bool(
            await self.connector.execute_query_all_async(
                _TAKE_UP, id=job.id, worker_id=job.worker_id, tried=tried
            )
        )


class _Worker(Worker):
    """Tells what it lives by. procrastinate itself watches these tasks only until the first one ends, and the one for
    periodic jobs, of which there are none, ends at once."""

    loop_task: asyncio.Task[Any] | None = None
    side_tasks: Sequence[asyncio.Task[Any]] = ()

    async def _run_loop(self) -> None:
        self.loop_task = asyncio.current_task()
        await super()._run_loop()  # type: ignore[no-untyped-call]  # the library has no types for it

    def _start_side_tasks(self) -> list[asyncio.Task[Any]]:
        tasks = super()._start_side_tasks()
        self.side_tasks = [task for task in tasks if task.get_name() != "deferrer"]
        return tasks

    @property
    def in_hand(self) -> set[int | None]:
        """The ids of the jobs that are being worked on, or whose end is being recorded."""
        return {context.job.id for context in self._running_jobs.values()}


class JobWorker:
    """Runs a service's jobs until it is cancelled, or raises what ended it."""

    def __init__(self, database_url: str, handlers: tuple[JobHandler, ...]) -> None:
        self._connector = procrastinate.PsycopgConnector(
            conninfo=database_url,
            min_size=1,
            max_size=CONCURRENCY + 2,
            kwargs=connection_options("igny8-jobs"),
            configure=_commit_each_statement,
        )
        self.app = procrastinate.App(connector=self._connector)
        self._manager = _JobManager(self._connector)
        self.app.job_manager = self._manager
        self._handling: set[int | None] = set()
        self._without_hand: set[int | None] = set()
        for handler in handlers:
            self._register(handler)

    def _register(self, handler: JobHandler) -> None:
        job = handler.job

        @self.app.task(name=job.name, queue="jobs", pass_context=True, retry=_Retry())
        async def run(
            context: JobContext, account_id: str, meta: dict[str, Any], arguments: dict[str, Any]
        ) -> None:
            work = Work(
                UUID(account_id),
                msgspec.convert(meta, Meta, strict=False),
                arguments,
                context.job.attempts + 1,
            )
            self._handling.add(context.job.id)
            try:
                with structlog.contextvars.bound_contextvars(job=job.name, account_id=account_id):
                    await _attempt(handler, work)
            except NotYet:
                self._manager.not_yet.add(context.job.id)
                raise
            finally:
                self._handling.discard(context.job.id)

    async def run(self, beat: Callable[[], None]) -> None:
        """Work until cancelled; jobs that run then are aborted and taken up again by the next worker."""
        try:
            await self.app.open_async()
            try:
                await self._work(beat)
            finally:
                forget_ended_tasks(self._connector.pool)
        finally:
            # Also where it was cancelled while it opened: tasks of the pool swallow a cancellation and only end when
            # the pool is closed; until then they would keep the whole process from ending.
            await self.app.close_async()

    async def _work(self, beat: Callable[[], None]) -> None:
        worker = _Worker(
            self.app,
            queues=["jobs"],
            concurrency=CONCURRENCY,
            install_signal_handlers=False,
            listen_notify=True,
            fetch_job_polling_interval=1.0,
            shutdown_graceful_timeout=2.0,
            delete_jobs="successful",
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            stalled_worker_timeout=STALLED_AFTER_SECONDS,
        )
        self._manager.asked_at = monotonic()
        running = asyncio.create_task(worker.run(), name="job-worker")  # type: ignore[no-untyped-call]  # the library has no types for it
        try:
            while True:
                self._check(worker, running)
                await self._rescue(worker)
                beat()
                parts = {running, *worker.side_tasks}
                await asyncio.wait(parts, timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _part(worker, running)

    def _check(self, worker: _Worker, running: "asyncio.Task[None]") -> None:
        """Raises `WorkerEnded`."""
        for task in (running, *worker.side_tasks):
            if task.done():
                raise WorkerEnded(f"{task.get_name()}: {_end_of(task)}")
        if pool_task_ended(self._connector.pool):
            raise WorkerEnded("a task of the connection pool")
        silent = monotonic() - self._manager.asked_at
        if silent > STUCK_AFTER_SECONDS and len(self._handling) < CONCURRENCY:
            raise WorkerEnded(f"no job was asked for for {silent:.0f} s")

    async def _rescue(self, worker: _Worker) -> None:
        """Have done again what nobody is at: procrastinate marks such jobs, but takes none of them up."""
        manager, mine = self._manager, worker.in_hand
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_SECONDS):
            if job.id not in mine:  # its own heartbeats may come late too
                await self._take_up("stalled_job_rescued", job)
        if worker.worker_id is None:
            return
        # What this worker took and has no more in hand, because the end of it could not be recorded. One that has only
        # just been taken is not in its hand either: so a job must be without one for two turns.
        jobs = await manager.list_jobs_async(status="doing", worker_id=worker.worker_id)
        dropped = {job.id: job for job in jobs if job.id not in worker.in_hand}
        for job in dropped.values():
            if job.id in self._without_hand:
                await self._take_up("dropped_job_rescued", job)
        self._without_hand = set(dropped) - self._without_hand

    async def _take_up(self, event: str, job: QueuedJob) -> None:
        if await self._manager.take_up(job):
            log.warning(event, job=job.task_name, job_id=job.id)


async def _part(worker: _Worker, running: "asyncio.Task[None]") -> None:
    """End a worker in order, or without it where a part of it hangs."""
    running.cancel()
    await asyncio.wait({running}, timeout=PARTING_SECONDS)
    if not running.done() and worker.loop_task is not None:
        worker.loop_task.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _end_of(task: "asyncio.Task[Any]") -> str:
    if task.cancelled():
        return "was cancelled"
    return repr(task.exception()) if task.exception() else "ended by itself"


async def _attempt(handler: JobHandler, work: Work) -> None:
    with job_span(handler.job.name, work):
        try:
            crash_point("job.before_work")
            async with asyncio.timeout(handler.job.time_limit):
                await handler.run(work)
            crash_point("job.after_work")
            return
        except RetryLater as pause:
            if isinstance(pause, NotYet) or work.attempt < handler.job.attempts:
                log.info("job_postponed", job=handler.job.name, seconds=pause.seconds, reason=str(pause))
                raise
            failure: Exception = pause
        except Exception as error:
            if is_of_erased(error):
                log.info("job_of_erased_account", job=handler.job.name)
                return
            if work.attempt < handler.job.attempts and not isinstance(error, GiveUp):
                log.warning(
                    "job_attempt_failed", job=handler.job.name, attempt=work.attempt, error=repr(error)
                )
                raise
            failure = error
        log.error("job_gave_up", job=handler.job.name, attempts=work.attempt, error=repr(failure))
        if handler.give_up is None:
            raise failure
        await handler.give_up(work, failure)
