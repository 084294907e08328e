"""How long the whole stack takes to start on the data it has, and how large its services are at rest."""

import asyncio
from statistics import median
from time import monotonic

from benchmarks import memory
from benchmarks.pairs import Figure
from benchmarks.parts import Parts

MOST_STARTS = 4
"""Each takes seconds, and a stop before it."""


async def measure(parts: Parts, pairs: int) -> list[Figure]:
    return await asyncio.to_thread(_measure, parts, min(pairs, MOST_STARTS))


def _measure(parts: Parts, starts: int) -> list[Figure]:
    stack = parts.product.stack
    seconds, largest, sizes = [], [], {}
    for _ in range(starts):
        stack.stop()
        began = monotonic()
        stack.start()
        seconds.append(monotonic() - began)
        sizes = memory.of_services(stack)
        largest.append(max(sizes.values()))
    return [
        Figure("start of the stack, warm", median(seconds), min(seconds), max(seconds), "s", at_most=8),
        Figure(
            "largest service at rest (PSS)",
            median(largest),
            min(largest),
            max(largest),
            "MB",
            at_most=150,
            note=memory.listed(sizes),
        ),
    ]
