"""500 calls of an AI that takes 200 ms, from job to recorded outcome, against the ideal wall time."""

import asyncio
from statistics import median
from time import monotonic
from uuid import UUID

from common.ai.answers_store import PostgresAnswers
from common.ai.engine import AIEngine
from common.ai.functions import GENERATE_IMAGE_PROMPTS, ImagePromptsInput
from common.ai.providers.openai import OpenAIProvider
from common.database import Database
from common.eventsourcing.event import Meta
from common.ids import new_id
from common.jobs.job import Job
from common.jobs.worker import CONCURRENCY, JobHandler, JobWorker, Work
from common.objects import open_store
from common.supervision import comes

from benchmarks.pairs import Figure, on_the_services_loop
from benchmarks.parts import ACCOUNTS, MODEL, Parts
from tests.parts.fake_ai import FakeAI
from tests.support import toy
from tests.support.database import ServiceUrls

CALLS, SECONDS = 500, 0.2
IDEAL = CALLS * SECONDS / CONCURRENCY
JOB = Job("bench_call", time_limit=60)


@on_the_services_loop
async def measure(parts: Parts, pairs: int) -> list[Figure]:
    rounds = (pairs + 1) // 2  # each has its fixed length, and nothing to be compared with that would vary
    with parts.database() as urls, FakeAI() as fake:
        fake.fail("slow", times=None, seconds=SECONDS)
        walls = [await _wall(urls, fake) for _ in range(rounds)]
        assert len(fake.calls()) == rounds * CALLS
    ratios = [wall / IDEAL for wall in walls]
    note = f"{median(walls):.1f} s against {IDEAL:.1f} s, {CONCURRENCY} at a time"
    return [Figure("500 AI calls", median(ratios), min(ratios), max(ratios), "×", at_most=1.1, note=note)]


async def _wall(urls: ServiceUrls, fake: FakeAI) -> float:
    """Seconds from the worker's start of work to the last recorded outcome."""
    database = Database(urls.service, MODEL)
    await database.open()
    provider = OpenAIProvider(fake.url, fake.key, "gpt-4o-mini")
    objects = open_store("memory://")
    done, over = 0, asyncio.Event()

    async def run(work: Work) -> None:
        nonlocal done
        operation = UUID(work.arguments["operation_id"])
        engine = AIEngine(provider, PostgresAnswers(database, work.account_id), objects)
        asked = ImagePromptsInput(title=f"Leasing {operation}", headings=["What it costs"], in_article=1)
        await engine.run(GENERATE_IMAGE_PROMPTS, asked, operation_id=operation, step="prompts")
        await database.run(work.account_id, lambda tx: toy.count(tx, operation, toy.Count()), work.meta)
        done += 1
        if done == CALLS:
            over.set()

    try:
        async with database.transaction(None) as tx:
            for number in range(CALLS):
                account = ACCOUNTS[number % len(ACCOUNTS)]
                arguments = {"operation_id": new_id()}
                await JOB.defer(await tx.reach(), account_id=account, meta=Meta(), arguments=arguments)
        worker = asyncio.create_task(JobWorker(urls.service, (JobHandler(JOB, run),)).run(lambda: None))
        began = monotonic()
        assert await comes(over, 10 * IDEAL)
        wall = monotonic() - began
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        return wall
    finally:
        await provider.close()
        await database.close()
