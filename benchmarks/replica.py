"""`python -m benchmarks.replica DATABASE`: a consumer in a process of its own, told on standard input what to consume.

An order is a line of JSON: `topic`, `group` and `bare`, or nothing of it to rest. Each batch that is done is answered by
a line of when it was begun and ended (seconds of the machine's monotonic clock) and of how many messages it had; an order
to rest by an empty list.
"""

import asyncio
import json
import sys
from contextlib import suppress
from time import monotonic
from typing import Any

import uvloop
from common.database import Database

from benchmarks.consume import barely, by_inbox
from benchmarks.parts import MODEL


async def main(kafka: str, url: str) -> None:
    """Until standard input ends."""
    database = Database(url, MODEL)
    await database.open()
    _answer([])
    running: asyncio.Task[None] | None = None
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        if order:
            running = asyncio.create_task(_consume(kafka, url, database, **order))
        elif running is not None:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            _answer([])


async def _consume(kafka: str, url: str, database: Database, *, topic: str, group: str, bare: bool) -> None:
    def took(began: float, count: int) -> None:
        _answer([began, monotonic(), count])

    if bare:
        await barely(kafka, topic, group, url, took)
    else:
        await by_inbox(kafka, topic, group, database, took)


def _answer(answer: list[Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
