"""A job worker that is told to end does so, also while its database has not answered yet."""

import asyncio
import socket

from common.jobs.job import Job
from common.jobs.worker import JobHandler, JobWorker, Work


async def _nothing(work: Work) -> None:
    del work


async def test_no_task_of_its_pool_survives_a_cancelled_start() -> None:
    before = asyncio.all_tasks()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing"
        worker = JobWorker(url, (JobHandler(Job("nothing", time_limit=1), _nothing),))
        running = asyncio.create_task(worker.run(lambda: None))
        silent.settimeout(10)
        connection, _ = await asyncio.to_thread(silent.accept)
        with connection:
            running.cancel()
            await asyncio.wait([running], timeout=20)
    assert running.done()
    started = asyncio.all_tasks() - before
    if started:
        await asyncio.wait(started, timeout=10)
    assert [task for task in started if not task.done()] == []
