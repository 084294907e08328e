"""The main job: 94 keywords to 10 published articles, on the embedded stack."""

import asyncio
from time import monotonic

from benchmarks import memory
from benchmarks.pairs import Figure
from benchmarks.parts import Parts
from tests.support.product import SAMPLE

ARTICLES = 10


async def measure(parts: Parts, pairs: int) -> list[Figure]:
    product = parts.product
    supervisor = product.stack.supervisor_pid()
    assert supervisor is not None
    pids = {each.name: each.pid for each in product.stack.services() if each.pid is not None}
    began = monotonic()
    running = asyncio.create_task(asyncio.to_thread(product.run, SAMPLE, ARTICLES))
    whole, sizes = [memory.of(supervisor)], dict.fromkeys(pids, 0.0)
    while not running.done():
        await asyncio.wait({running}, timeout=1.0)
        whole.append(await asyncio.to_thread(memory.of, supervisor))
        for name, pid in pids.items():
            sizes[name] = max(sizes[name], await asyncio.to_thread(memory.of, pid))
    summary = await running
    seconds = monotonic() - began
    assert summary["published"] == ARTICLES, summary
    largest = max(sizes.values())
    note = f"{summary['keywords']} keywords, {summary['published']} published"
    return [
        Figure("demo, seconds", seconds, seconds, seconds, "s", at_most=45, note=note),
        Figure("demo, memory of all processes (PSS)", max(whole), whole[0], max(whole), "MB", at_most=1_200),
        Figure(
            "demo, largest service (PSS)",
            largest,
            min(sizes.values()),
            largest,
            "MB",
            note=memory.listed(sizes),
        ),
    ]
