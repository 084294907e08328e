"""A worker process of the toy: `python -m tests.integration.kit.toy_worker DATABASE_URL`.

Its one job writes down that it began; then it hangs when the table `hang` has a row, else writes down that it is done.
"""

import asyncio
import os
import sys
from uuid import UUID

import psycopg
from common.jobs.job import Job
from common.jobs.worker import GiveUp, JobHandler, JobWorker, NotYet, RetryLater, Work

SCHEMA = """
CREATE TABLE toy_jobs (id bigint GENERATED ALWAYS AS IDENTITY, name text, what text, attempt integer, worker integer,
    account_id uuid, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE toy_hang (name text);
GRANT ALL ON toy_jobs, toy_hang TO PUBLIC;
"""
JOB = Job("toy", time_limit=30, attempts=3)
TWICE = Job("toy_twice", time_limit=30, attempts=2)
BRISK = Job("toy_brisk", time_limit=2, attempts=2)


class ToyJobs:
    """What the jobs do; `arguments`: `name`, and for a failure `how`."""

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def handlers(self) -> tuple[JobHandler, ...]:
        return tuple(JobHandler(job, self.run, self.give_up) for job in (JOB, TWICE, BRISK))

    async def run(self, work: Work) -> None:
        name = str(work.arguments["name"])
        await self.note(name, "began", work)
        match work.arguments.get("how"):
            case "fails":
                raise ValueError("no")
            case "asks for a pause" if work.attempt == 1:
                raise RetryLater("busy", 2.0)
            case "is hopeless":
                raise GiveUp("never")
            case "hangs":
                await asyncio.Event().wait()
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            cursor = await connection.execute("SELECT FROM toy_hang WHERE name = %s", (name,))
            if await cursor.fetchone() is not None:
                if work.arguments.get("how") == "has to wait":
                    raise NotYet("the row is there", 0.1)
                await asyncio.Event().wait()
        await self.note(name, "done", work)

    async def give_up(self, work: Work, error: BaseException) -> None:
        await self.note(str(work.arguments["name"]), f"gave up: {type(error).__name__}", work)

    async def note(self, name: str, what: str, work: Work) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            await connection.execute(
                "INSERT INTO toy_jobs (name, what, attempt, worker, account_id) VALUES (%s, %s, %s, %s, %s)",
                (name, what, work.attempt, os.getpid(), UUID(str(work.account_id))),
            )


async def main(url: str) -> None:
    await JobWorker(url, ToyJobs(url).handlers).run(lambda: None)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
