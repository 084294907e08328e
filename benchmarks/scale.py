"""What becomes of the consumer's rate when its topic has more partitions, and when there are more of it."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from os import cpu_count
from statistics import median

from common.database import Database
from common.ids import new_id

from benchmarks.consume import by_inbox, rate
from benchmarks.messages import public_events, say
from benchmarks.pairs import Figure, noise_of, ratio
from benchmarks.parts import MODEL, ROOT, Parts

EVENTS, TENANTS = 4_000, 200
SHARED_EVENTS = 12_000
"""For replicas: a group takes a moment to find together, and only what comes while all of them are at it counts."""
REPLICAS = 2


async def partitions(parts: Parts, pairs: int) -> list[Figure]:
    kafka, messages = parts.kafka.bootstrap, public_events(EVENTS, TENANTS)
    topics = {count: await say(kafka, messages, partitions=count) for count in (1, 4, 16)}
    with parts.database("planner") as urls:
        database = Database(urls.service, MODEL)
        await database.open()

        async def consume(partitions: int) -> float:
            topic, group = topics[partitions], f"bench.{new_id()}"
            return await rate(lambda took: by_inbox(kafka, topic, group, database, took), EVENTS)

        try:
            return [
                await ratio(
                    f"consumer, time with {many} partitions against 1",
                    lambda many=many: consume(many),  # type: ignore[misc]  # a default argument binds it now
                    lambda: consume(1),
                    pairs,
                    at_most=1.2,
                )
                for many in (4, 16)
            ]
        finally:
            await database.close()


async def replicas(parts: Parts, pairs: int) -> list[Figure]:
    """By how much a second replica speeds us up, against by how much a second bare loop speeds that up."""
    kafka = parts.kafka.bootstrap
    topic = await say(kafka, public_events(SHARED_EVENTS, TENANTS))
    ours, bare = [], []
    with parts.database("planner") as urls:
        async with AsyncExitStack() as stack:
            running = [
                await stack.enter_async_context(_replica(kafka, urls.service)) for _ in range(REPLICAS)
            ]
            for _ in range(pairs):
                alone, together, bare_alone, bare_together = [
                    await _rate(running[:count], topic, barely)
                    for barely in (False, True)
                    for count in (1, REPLICAS)
                ]
                ours.append(together / alone)
                bare.append(bare_together / bare_alone)
    ratios = [mine / its for mine, its in zip(ours, bare, strict=True)]
    return [
        Figure(
            f"consumer, gain by {REPLICAS} replicas",
            median(ratios),
            min(ratios),
            max(ratios),
            "×",
            at_least=0.8,
            noise=noise_of(bare),
            note=f"×{median(ours):.2f} against ×{median(bare):.2f} of bare loops on {cpu_count()} cores",
        )
    ]


class _Replica:
    def __init__(self, process: Process) -> None:
        self._process = process
        self.batches: list[tuple[float, float, int]] = []
        self.resting = asyncio.Event()
        self.changed = asyncio.Event()

    def order(self, **order: object) -> None:
        assert self._process.stdin is not None
        self.resting.clear()
        self._process.stdin.write(f"{json.dumps(order)}\n".encode())

    async def listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if batch := json.loads(line):
                self.batches.append(batch)
            else:
                self.resting.set()
            self.changed.set()


@asynccontextmanager
async def _replica(kafka: str, url: str) -> AsyncIterator[_Replica]:
    command = (sys.executable, "-m", "benchmarks.replica", kafka, url)
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, cwd=ROOT)
    replica = _Replica(process)
    listening = asyncio.create_task(replica.listen())
    try:
        async with asyncio.timeout(30):
            await replica.resting.wait()
        yield replica
    finally:
        process.kill()
        await process.wait()
        await listening


async def _rate(replicas: list[_Replica], topic: str, bare: bool) -> float:
    """Events a second while all replicas had some."""
    group = f"bench.{new_id()}"
    for replica in replicas:
        replica.batches.clear()
        replica.order(topic=topic, group=group, bare=bare)
    async with asyncio.timeout(120):
        while sum(count for replica in replicas for *_, count in replica.batches) < SHARED_EVENTS:
            await _any_changed(replicas)
        for replica in replicas:
            replica.order()
        for replica in replicas:
            await replica.resting.wait()
    begin = max(replica.batches[0][0] for replica in replicas)
    end = min(replica.batches[-1][1] for replica in replicas)
    counted = [
        count
        for replica in replicas
        for began, ended, count in replica.batches
        if began >= begin and ended <= end
    ]
    return sum(counted) / (end - begin)


async def _any_changed(replicas: list[_Replica]) -> None:
    waiting = [asyncio.create_task(replica.changed.wait()) for replica in replicas]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task, replica in zip(waiting, replicas, strict=True):
        task.cancel()
        replica.changed.clear()
