"""Everything a job worker lives by is noticed when it ends or hangs, and jobs go on with a new worker."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any

import psycopg
import pytest
from common.database import Database
from common.eventsourcing.event import Meta
from common.ids import new_id
from common.jobs.worker import JobWorker, _JobManager
from common.supervision import Loop
from procrastinate.manager import JobManager

from tests.integration.kit.toy_worker import JOB, SCHEMA, ToyJobs
from tests.integration.supervision.held_loop import HeldLoop
from tests.parts.ports import eventually
from tests.support import toy
from tests.support.database import ServiceUrls

pytestmark = pytest.mark.usefixtures("short_times")
ACCOUNT = new_id()


@pytest.fixture(scope="module")
def urls(service_database: Callable[[str], AbstractContextManager[ServiceUrls]]) -> Iterator[ServiceUrls]:
    with service_database("publisher") as urls:
        with psycopg.connect(urls.owner) as connection:
            connection.execute(toy.SCHEMA)
            connection.execute(SCHEMA)
        yield urls


class Working(HeldLoop):
    """The supervised worker, and the tasks of its latest life; those of other tests share the event loop."""

    def __init__(self, urls: ServiceUrls) -> None:
        super().__init__("jobs", self._begin)
        self.others = asyncio.all_tasks()
        self.urls = urls
        self.latest: JobWorker | None = None

    async def _begin(self, loop: Loop) -> None:
        self.latest = JobWorker(self.urls.service, ToyJobs(self.urls.service).handlers)
        await self.latest.run(loop.beat)

    def part(self, name: str) -> "asyncio.Task[Any] | None":
        if name == "pool":
            return self.latest._connector.pool._sched_runner if self.latest is not None else None
        tasks = [task for task in asyncio.all_tasks() - self.others if task.get_name().startswith(name)]
        return next((task for task in tasks if not task.done()), None)


@pytest.fixture
async def worker(urls: ServiceUrls) -> AsyncIterator[Working]:
    worker = Working(urls)
    worker.start()
    await eventually(
        lambda: worker.healthy and worker.part("worker loop") is not None, what="the worker works"
    )
    yield worker
    await worker.stop()


@pytest.fixture
async def database(urls: ServiceUrls) -> AsyncIterator[Database]:
    database = Database(urls.service, toy.MODEL)
    await database.open()
    yield database
    await database.close()


async def defer(database: Database, name: str) -> None:
    async with database.transaction(ACCOUNT, Meta()) as tx:
        await tx.defer(JOB, name=name)


def happened(urls: ServiceUrls, name: str) -> list[Any]:
    with psycopg.connect(urls.owner) as connection:
        query = "SELECT what, attempt FROM toy_jobs WHERE name = %s ORDER BY id"
        return connection.execute(query, (name,)).fetchall()


def waiting(urls: ServiceUrls) -> list[Any]:
    with psycopg.connect(urls.owner) as connection:
        return connection.execute("SELECT status FROM procrastinate_jobs").fetchall()


@asynccontextmanager
async def red_then_green(
    loop: HeldLoop, urls: ServiceUrls, database: Database, *, naming: str
) -> AsyncIterator[None]:
    """What is done in here turns it red, and jobs go on."""
    async with loop.held():
        yield
        await eventually(lambda: not loop.healthy and naming in loop.detail, what=f"it is red about {naming}")
    await eventually(lambda: loop.healthy, what="a new worker works")
    name = str(new_id())
    await defer(database, name)
    await eventually(lambda: happened(urls, name) == [("began", 1), ("done", 1)], what="a job is done")


@pytest.mark.parametrize(
    "part",
    ["job-worker", "worker loop", "update_heartbeats", "poll_jobs_to_abort", "listener", "pool"],
)
async def test_a_part_that_ends_is_noticed(
    part: str, worker: Working, urls: ServiceUrls, database: Database
) -> None:
    task = worker.part(part)
    assert task is not None
    # The worker itself takes the others along, of which one may be seen to have ended before it.
    naming = {"job-worker": "was cancelled", "worker loop": "was cancelled", "pool": "connection pool"}
    async with red_then_green(worker, urls, database, naming=naming.get(part, part)):
        task.cancel()


async def test_a_heartbeat_that_fails_is_noticed(
    worker: Working, urls: ServiceUrls, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else would: other replicas take its jobs for those of a dead worker, and do them a second time."""

    update = JobManager.update_heartbeat

    async def fail(manager: JobManager, *given: Any) -> None:
        if worker.latest is None or manager.connector is not worker.latest._connector:
            return await update(manager, *given)  # a worker of other tests
        monkeypatch.undo()
        raise RuntimeError("no heartbeat")

    async with red_then_green(worker, urls, database, naming="no heartbeat"):
        monkeypatch.setattr(JobManager, "update_heartbeat", fail)


async def test_one_that_asks_for_no_job_any_more_is_noticed(
    worker: HeldLoop, urls: ServiceUrls, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = _JobManager.fetch_job
    hanging = asyncio.Event()

    async def hang(*given: Any, **named: Any) -> Any:
        if hanging.is_set():
            return await fetch(*given, **named)
        hanging.set()
        return await asyncio.Event().wait()

    async with red_then_green(worker, urls, database, naming="no job was asked for"):
        monkeypatch.setattr(_JobManager, "fetch_job", hang)


async def test_a_job_whose_end_could_not_be_recorded_is_done_again(
    worker: HeldLoop, urls: ServiceUrls, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker lives, so nobody takes it for dead: the job would stay `doing` for ever."""
    finish = JobManager.finish_job
    lost: list[int] = []

    async def lose(self: JobManager, job: Any, *given: Any) -> None:
        if not lost:
            lost.append(job.id)
            raise ConnectionError("the database is away")
        await finish(self, job, *given)

    monkeypatch.setattr(JobManager, "finish_job", lose)
    await defer(database, "lost")
    expected = [("began", 1), ("done", 1), ("began", 2), ("done", 2)]
    await eventually(lambda: happened(urls, "lost") == expected, what="it is done again")
    await eventually(lambda: waiting(urls) == [], what="its end is recorded")
    assert len(lost) == 1
