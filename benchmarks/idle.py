"""Memory of a gateway while many clients wait for live updates and nothing happens."""

import asyncio
import resource
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from statistics import median

import aiohttp
from igny8_local.stack import Stack

from benchmarks import memory
from benchmarks.pairs import Figure
from benchmarks.parts import Parts

CONNECTIONS = 1_000
AT_ONCE = 50
"""That many are opened at the same time: more than anybody's listen queue would only wait."""
TARGET = 300
"""MB, with 1,000 of them."""

Connect = Callable[[AsyncExitStack, aiohttp.ClientSession, str], Awaitable[None]]


async def measure(parts: Parts, pairs: int) -> list[Figure]:
    figures = []
    for name, connect in (("WebSockets", socket), ("event streams", stream)):
        sizes = [await size_with(CONNECTIONS, connect, parts.product.stack) for _ in range(min(pairs, 2))]
        after = [size for _, size in sizes]
        figures.append(
            Figure(
                f"gateway with {CONNECTIONS:,} idle {name} (PSS)",
                median(after),
                min(after),
                max(after),
                "MB",
                at_most=TARGET,
                note=f"{sizes[0][0]:.0f} MB before",
            )
        )
    return figures


async def size_with(connections: int, connect: Connect, stack: Stack) -> tuple[float, float]:
    """The size of the gateway's process before they are opened and while they are open, in MB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * CONNECTIONS + 500)), hard))
    url = str(stack.status()["url"])
    (pid,) = (each.pid for each in stack.services() if each.name == "gateway" and each.pid is not None)
    async with AsyncExitStack() as opened:
        session = await opened.enter_async_context(
            aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0))
        )
        body = {
            "email": f"idle-{pid}-{id(opened)}@example.com",
            "password": "Bench-Mark-77",
            "account_name": "Idle",
        }
        async with session.post("/api/v1/auth/register/", json=body) as made:
            made.raise_for_status()
            access = (await made.json())["data"]["access"]
        before = memory.of(pid)
        turns = asyncio.Semaphore(AT_ONCE)

        async def one() -> None:
            async with turns:
                await connect(opened, session, access)

        await asyncio.gather(*(one() for _ in range(connections)))
        return before, memory.of(pid)


async def socket(opened: AsyncExitStack, session: aiohttp.ClientSession, access: str) -> None:
    await opened.enter_async_context(session.ws_connect("/ws", headers={"Authorization": f"Bearer {access}"}))


async def stream(opened: AsyncExitStack, session: aiohttp.ClientSession, access: str) -> None:
    answer = await opened.enter_async_context(
        session.get(
            "/api/v1/events/",
            headers={"Authorization": f"Bearer {access}"},
            timeout=aiohttp.ClientTimeout(total=None),
        )
    )
    answer.raise_for_status()
    await answer.content.readuntil(b"\n\n")  # the retry hint: it is open
