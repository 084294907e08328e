"""Durable jobs on a real PostgreSQL: there exactly if their transaction commits, finished whoever dies."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pytest
from common.database import Database, Transaction, is_away
from common.eventsourcing.event import Meta
from common.ids import new_id
from common.jobs import worker as worker_module
from common.jobs.job import AUTOMATION, IMPORT, INTERACTIVE, Job
from common.jobs.worker import JobWorker
from common.supervision import Loop

from tests.integration.kit.toy_worker import BRISK, JOB, SCHEMA, TWICE, ToyJobs
from tests.parts.ports import eventually
from tests.parts.process import Process
from tests.support import toy
from tests.support.database import PostgresServer, ServiceUrls

ACCOUNT = new_id()


@pytest.fixture(autouse=True)
def _tables(toy_urls: ServiceUrls) -> None:
    with psycopg.connect(toy_urls.owner) as connection:
        connection.execute(SCHEMA)


@pytest.fixture
async def worker(toy_urls: ServiceUrls) -> AsyncIterator[Loop]:
    """A worker in this process, supervised as a service does it."""
    handlers = ToyJobs(toy_urls.service).handlers
    loop = Loop("jobs", lambda loop: JobWorker(toy_urls.service, handlers).run(loop.beat))
    loop.start()
    yield loop
    await loop.stop()


@contextmanager
def worker_process(urls: ServiceUrls, directory: Path) -> Iterator[Process]:
    command = [sys.executable, "-m", "tests.integration.kit.toy_worker", urls.service]
    process = Process(command, directory / "worker.log", cwd=Path(__file__).parents[3])
    try:
        yield process
    finally:
        process.kill()


async def defer(database: Database, job: Job, name: str, **arguments: Any) -> None:
    async with database.transaction(ACCOUNT, Meta(request_id="r")) as tx:
        await tx.defer(job, name=name, **arguments)


def rows(urls: ServiceUrls, query: str) -> list[Any]:
    with psycopg.connect(urls.owner) as connection:
        return connection.execute(query).fetchall()


def happened(urls: ServiceUrls, name: str) -> list[tuple[str, int]]:
    return rows(urls, f"SELECT what, attempt FROM toy_jobs WHERE name = '{name}' ORDER BY id")


async def test_a_job_is_there_exactly_if_its_transaction_commits(
    toy_database: Database, toy_urls: ServiceUrls, worker: Loop
) -> None:
    async def change_ones_mind(tx: Transaction) -> None:
        await toy.count(tx, new_id(), toy.Count())
        await tx.defer(JOB, name="rolled back")
        raise RuntimeError("changed its mind")

    with pytest.raises(RuntimeError):
        await toy_database.run(ACCOUNT, change_ones_mind)
    assert rows(toy_urls, "SELECT * FROM procrastinate_jobs") == []
    async with toy_database.transaction(ACCOUNT) as tx:
        await toy.count(tx, new_id(), toy.Count())
        await tx.defer(JOB, name="committed")
        assert rows(toy_urls, "SELECT * FROM procrastinate_jobs") == []
    await eventually(lambda: happened(toy_urls, "committed") == [("began", 1), ("done", 1)], what="it ran")
    assert happened(toy_urls, "rolled back") == []
    assert rows(toy_urls, "SELECT DISTINCT account_id FROM toy_jobs") == [(ACCOUNT,)]
    await eventually(lambda: rows(toy_urls, "SELECT * FROM procrastinate_jobs") == [], what="it is forgotten")
    await eventually(lambda: worker.healthy, what="the worker gave its first sign of life")


async def test_a_connection_cut_before_it_is_asked_for_is_the_databases_absence(
    toy_database: Database, postgres: PostgresServer
) -> None:
    """As with any other statement: procrastinate's own errors would hide whose fault it is."""

    async def cut(tx: Transaction) -> None:
        pid = await tx.scalar("SELECT pg_backend_pid()")
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        await tx.defer(JOB, name="nobody")

    with pytest.raises(psycopg.OperationalError) as raised:
        await toy_database.run(ACCOUNT, cut)
    assert is_away(raised.value)


async def test_the_job_of_a_killed_worker_is_finished_by_another_within_seconds(
    toy_database: Database, toy_urls: ServiceUrls, tmp_path: Path
) -> None:
    with psycopg.connect(toy_urls.owner) as connection:
        connection.execute("INSERT INTO toy_hang VALUES ('victim')")
    await defer(toy_database, JOB, "victim")
    with worker_process(toy_urls, tmp_path) as first:
        await eventually(lambda: happened(toy_urls, "victim") == [("began", 1)], what="the job hangs")
        with worker_process(toy_urls, tmp_path) as second:
            await defer(toy_database, JOB, "other")
            await eventually(lambda: happened(toy_urls, "other")[-1:] == [("done", 1)], what="both work")
            with psycopg.connect(toy_urls.owner) as connection:
                connection.execute("DELETE FROM toy_hang")
            first.kill()
            began = monotonic()
            await eventually(
                lambda: happened(toy_urls, "victim")[-1:] == [("done", 2)], what="the other finished it"
            )
            assert monotonic() - began < 15
            assert second.running


async def test_a_worker_does_not_take_its_own_job_for_dead(
    toy_database: Database, toy_urls: ServiceUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However late its heartbeats come: on a machine that stood still for seconds it would do the work twice at once."""
    monkeypatch.setattr(worker_module, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(worker_module, "STALLED_AFTER_SECONDS", 0.0)
    looked: list[int] = []
    handlers = ToyJobs(toy_urls.service).handlers
    loop = Loop("jobs", lambda loop: JobWorker(toy_urls.service, handlers).run(lambda: looked.append(1)))
    loop.start()
    try:
        await defer(toy_database, JOB, "slow", how="hangs")
        await eventually(lambda: happened(toy_urls, "slow"), what="the job began")
        looked.clear()
        await eventually(lambda: len(looked) > 20, what="the worker has looked for dead jobs")
        assert happened(toy_urls, "slow") == [("began", 1)]
    finally:
        await loop.stop()


async def test_of_two_that_take_up_a_dead_workers_job_one_does(
    toy_database: Database, toy_urls: ServiceUrls
) -> None:
    await defer(toy_database, JOB, "left behind")
    workers = [JobWorker(toy_urls.service, ToyJobs(toy_urls.service).handlers) for _ in range(2)]
    async with AsyncExitStack() as open_ones:
        for each in workers:
            await open_ones.enter_async_context(each.app.open_async())
        manager, other = (each._manager for each in workers)
        dead = await manager.fetch_job(["jobs"], await manager.register_worker())
        assert dead is not None
        assert [await manager.take_up(dead), await other.take_up(dead)] == [True, False]
        begun = await manager.fetch_job(["jobs"], await manager.register_worker())
        assert begun is not None
        assert begun.attempts == 1
        assert not await other.take_up(dead), "it is in somebody's hand again"
    assert rows(toy_urls, "SELECT status::text, attempts FROM procrastinate_jobs") == [("doing", 1)]


async def test_what_fails_is_tried_again_and_then_given_up_with_a_record(
    toy_database: Database, toy_urls: ServiceUrls, worker: Loop
) -> None:
    await defer(toy_database, TWICE, "f", how="fails")
    expected = [("began", 1), ("began", 2), ("gave up: ValueError", 2)]
    await eventually(lambda: happened(toy_urls, "f") == expected, what="it was given up")


async def test_what_takes_too_long_counts_as_failed(
    toy_database: Database, toy_urls: ServiceUrls, worker: Loop
) -> None:
    await defer(toy_database, BRISK, "h", how="hangs")
    expected = [("began", 1), ("began", 2), ("gave up: TimeoutError", 2)]
    await eventually(lambda: happened(toy_urls, "h") == expected, what="it was given up")


async def test_what_is_hopeless_is_given_up_at_once(
    toy_database: Database, toy_urls: ServiceUrls, worker: Loop
) -> None:
    await defer(toy_database, JOB, "g", how="is hopeless")
    expected = [("began", 1), ("gave up: GiveUp", 1)]
    await eventually(lambda: happened(toy_urls, "g") == expected, what="it was given up")


async def test_the_pause_is_the_one_the_outside_asked_for(
    toy_database: Database, toy_urls: ServiceUrls, worker: Loop
) -> None:
    await defer(toy_database, JOB, "p", how="asks for a pause")
    expected = [("began", 1), ("began", 2), ("done", 2)]
    await eventually(lambda: happened(toy_urls, "p") == expected, what="it went on")
    ((pause,),) = rows(
        toy_urls,
        "SELECT extract(epoch FROM max(at) FILTER (WHERE attempt = 2 AND what = 'began') - min(at)) FROM toy_jobs",
    )
    assert 1.9 <= float(pause) < 8


async def test_what_has_to_wait_loses_none_of_its_attempts(
    toy_database: Database, toy_urls: ServiceUrls, worker: Loop
) -> None:
    with psycopg.connect(toy_urls.owner) as connection:
        connection.execute("INSERT INTO toy_hang VALUES ('w')")
    await defer(toy_database, TWICE, "w", how="has to wait")
    await eventually(
        lambda: len(happened(toy_urls, "w")) > TWICE.attempts + 2, what="it was put off again and again"
    )
    with psycopg.connect(toy_urls.owner) as connection:
        connection.execute("DELETE FROM toy_hang")
    await eventually(lambda: happened(toy_urls, "w")[-1] == ("done", 1), what="it went on")
    assert set(happened(toy_urls, "w")) == {("began", 1), ("done", 1)}


async def test_a_worker_that_shuts_down_leaves_its_job_to_the_next(
    toy_database: Database, toy_urls: ServiceUrls
) -> None:
    handlers = ToyJobs(toy_urls.service).handlers
    first = Loop("jobs", lambda loop: JobWorker(toy_urls.service, handlers).run(loop.beat))
    with psycopg.connect(toy_urls.owner) as connection:
        connection.execute("INSERT INTO toy_hang VALUES ('s')")
    await defer(toy_database, JOB, "s")
    first.start()
    await eventually(lambda: happened(toy_urls, "s") == [("began", 1)], what="the job hangs")
    await first.stop()
    with psycopg.connect(toy_urls.owner) as connection:
        connection.execute("DELETE FROM toy_hang")
    second = Loop("jobs", lambda loop: JobWorker(toy_urls.service, handlers).run(loop.beat))
    second.start()
    await eventually(lambda: happened(toy_urls, "s")[-1:] == [("done", 2)], what="the next finished it")
    await second.stop()


async def test_priorities_are_kept_with_the_job(toy_database: Database, toy_urls: ServiceUrls) -> None:
    async with toy_database.transaction(ACCOUNT, Meta(request_id="r")) as tx:
        for priority in (IMPORT, AUTOMATION, INTERACTIVE, None):
            await JOB.defer(
                await tx.reach(), account_id=ACCOUNT, meta=tx.meta, arguments={"name": "x"}, priority=priority
            )
    kept = rows(toy_urls, "SELECT priority, args->'meta'->>'request_id' FROM procrastinate_jobs ORDER BY id")
    assert kept == [(0, "r"), (10, "r"), (20, "r"), (INTERACTIVE, "r")]
