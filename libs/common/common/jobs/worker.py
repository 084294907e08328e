"""The worker of a service: runs jobs, with time limits and growing pauses, and rescues those of a killed worker."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import procrastinate
import structlog
from procrastinate import JobContext, RetryDecision
from procrastinate.connector import BaseConnector
from procrastinate.jobs import Job as QueuedJob
from procrastinate.jobs import Status
from procrastinate.manager import JobManager
from procrastinate.retry import BaseRetryStrategy

from common.crash_points import crash_point
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
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0


class RetryLater(Exception):
    """The outside asked for a pause of `seconds`; raised by a job instead of a failure."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class NotYet(RetryLater):
    """Nothing could be tried so far: the pause of `seconds` takes none of the job's attempts."""


class GiveUp(Exception):
    """No further attempt will help; the job's `give_up` runs at once."""


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
            exception.seconds
            if isinstance(exception, RetryLater)
            else min(LONGEST_PAUSE, FIRST_PAUSE * 2**job.attempts)
        )
        return RetryDecision(retry_at=datetime.now(UTC) + timedelta(seconds=seconds))


class _JobManager(JobManager):
    def __init__(self, connector: BaseConnector) -> None:
        super().__init__(connector)
        self.not_yet: set[int | None] = set()
        """The ids of jobs whose attempt was none."""

    async def retry_job(
        self,
        job: QueuedJob,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        await super().retry_job(job, retry_at, priority, queue, lock)
        if job.id in self.not_yet:
            self.not_yet.discard(job.id)
            await self.connector.execute_query_async(
                "UPDATE procrastinate_jobs SET attempts = attempts - 1 WHERE id = %(id)s", id=job.id
            )

    async def finish_job(self, job: QueuedJob, status: Status, delete_job: bool) -> None:
        await super().finish_job(job, status, delete_job)
        crash_point("job.after_completion")


class JobWorker:
    """Runs a service's jobs until `stop`."""

    def __init__(self, database_url: str, handlers: tuple[JobHandler, ...]) -> None:
        self.app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(
                conninfo=database_url,
                min_size=1,
                max_size=CONCURRENCY + 2,
                kwargs={"application_name": "igny8-jobs"},
            )
        )
        self.app.job_manager = self._manager = _JobManager(self.app.connector)
        self._running: set[int | None] = set()
        """The ids of the jobs that this very process is at: those are not dead, however late its heartbeats come."""
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
            self._running.add(context.job.id)
            try:
                with structlog.contextvars.bound_contextvars(job=job.name, account_id=account_id):
                    await _attempt(handler, work)
            except NotYet:
                self._manager.not_yet.add(context.job.id)
                raise
            finally:
                self._running.discard(context.job.id)

    async def run(self, beat: Callable[[], None]) -> None:
        """Work until cancelled; jobs that run then are aborted and taken up again by the next worker."""
        try:
            await self.app.open_async()
            await self._work(beat)
        finally:
            # Also where it was cancelled while it opened: tasks of the pool swallow a cancellation and only end when
            # the pool is closed; until then they would keep the whole process from ending.
            await self.app.close_async()

    async def _work(self, beat: Callable[[], None]) -> None:
        rescue = asyncio.create_task(self._rescue(beat), name="job-rescue")
        try:
            await self.app.run_worker_async(
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
        finally:
            rescue.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await rescue

    async def _rescue(self, beat: Callable[[], None]) -> None:
        """procrastinate marks stalled jobs but nothing of its own takes them up again."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                manager = self.app.job_manager
                for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_SECONDS):
                    if job.id in self._running:
                        continue
                    log.warning("stalled_job_rescued", job=job.task_name, job_id=job.id)
                    await manager.retry_job(job, retry_at=datetime.now(UTC))
                beat()
            except Exception:
                log.exception("job_rescue_failed")


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
