"""The main job: 94 keywords to 10 published articles, on the embedded stack."""

import asyncio
from contextlib import suppress
from time import monotonic

import psutil

from benchmarks.pairs import Figure
from benchmarks.parts import Parts
from tests.support.product import SAMPLE

ARTICLES = 10
MEGABYTE = 1024 * 1024


async def measure(parts: Parts, pairs: int) -> list[Figure]:
    product = parts.product
    supervisor = product.stack.supervisor_pid()
    assert supervisor is not None
    began = monotonic()
    running = asyncio.create_task(asyncio.to_thread(product.run, SAMPLE, ARTICLES))
    memory = [_memory(supervisor)]
    while not running.done():
        await asyncio.wait({running}, timeout=1.0)
        memory.append(await asyncio.to_thread(_memory, supervisor))
    summary = await running
    seconds = monotonic() - began
    assert summary["published"] == ARTICLES, summary
    most = max(memory)
    note = f"{summary['keywords']} keywords, {summary['published']} published"
    return [
        Figure("demo, seconds", seconds, seconds, seconds, "s", at_most=45, note=note),
        Figure("demo, memory of all processes (PSS)", most, memory[0], most, "MB", at_most=1_200),
    ]


def _memory(pid: int) -> float:
    """Of a process and everything below it, in MB; shared pages count once."""
    total = 0
    root = psutil.Process(pid)
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total / MEGABYTE
