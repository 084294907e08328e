"""Large bodies through a gateway process of its own: both directions wait for who reads, and its memory does not grow."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp import web
from gateway.edge.limits import LARGEST_IMPORT

from tests.integration.gateway.running import new_master_key
from tests.integration.gateway.upstream import Databases, answering, serving
from tests.parts.ports import DEADLINE, INTERVAL, answers, free_port
from tests.parts.process import Process
from tests.support.database import ServiceUrls

MEGABYTE = 1 << 20
PIECE = bytes(MEGABYTE)
DOWNLOAD = 300 * MEGABYTE
IN_SOCKETS = 40 * MEGABYTE
"""More than what the buffers of two connections take (Linux lets one grow to some megabytes at each end)."""
MOST_GROWTH = 8 * MEGABYTE
"""Of a process that passes on 100 or 300 MB: what its allocator may keep at hand, and no body."""


@dataclass
class Store:
    """A service that takes and gives large bodies, and stands still until it may go on."""

    taken: int = 0
    given: int = 0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/api/v1/planner/keywords/import_csv/", self.take)
        app.router.add_get("/api/v1/planner/keywords/", self.give)
        return app

    async def take(self, request: web.Request) -> web.Response:
        self.taken += len(await request.content.readany())
        await self.go_on.wait()
        async for chunk in request.content.iter_any():
            self.taken += len(chunk)
        return web.json_response({"bytes": self.taken})

    async def give(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(int(request.query["bytes"]) // len(PIECE)):
            await response.write(PIECE)
            self.given += len(PIECE)
        return response


@dataclass
class Apart:
    """A gateway in a process of its own."""

    url: str
    headers: dict[str, str]
    store: Store
    process: psutil.Process

    @property
    def memory(self) -> int:
        """Bytes that it alone holds."""
        held: int = self.process.memory_full_info().uss
        return held


@pytest.fixture
async def apart(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]], tmp_path: Path
) -> AsyncIterator[Apart]:
    store, port, own, key = Store(), free_port(), free_port(), new_master_key()
    upstreams = f"planner=http://127.0.0.1:{port}"
    with service_database("gateway") as urls, service_database("secrets") as secret_urls:
        async with serving(Databases(urls, secret_urls, tmp_path, key), upstreams) as (gateway, _):
            tenant = await gateway.register()
        process = Process(
            [sys.executable, "-m", "gateway"],
            tmp_path / "log",
            environment={
                "IGNY8_SERVICE_DATABASE": urls.service,
                "IGNY8_RELAY_DATABASE": urls.relay,
                "IGNY8_SECRETS_DATABASE": secret_urls.service,
                "IGNY8_KAFKA": f"127.0.0.1:{free_port()}",  # away: nothing here needs it
                "IGNY8_OBJECTS": (tmp_path / "objects").as_uri(),
                "IGNY8_MASTER_KEY": key,
                "IGNY8_TOKEN_KEYS": str(tmp_path / "keys"),
                "IGNY8_JWKS": str(tmp_path / "keys" / "jwks.json"),
                "IGNY8_LISTEN": f"127.0.0.1:{own}",
                "IGNY8_UPSTREAMS": upstreams,
            },
        )
        try:
            process.wait_until(lambda: answers(own), DEADLINE)
            headers = {"Authorization": f"Bearer {tenant.registered['access']}"}
            async with answering(store.app(), port):
                yield Apart(f"http://127.0.0.1:{own}", headers, store, psutil.Process(process.pid))
        finally:
            process.kill()


@pytest.fixture
async def client(apart: Apart) -> AsyncIterator[aiohttp.ClientSession]:
    """Of a gateway that has passed on some megabytes each way already: what it is made of is loaded."""
    async with aiohttp.ClientSession(apart.url, headers=apart.headers) as session:
        apart.store.go_on.set()
        async with session.post(
            "/api/v1/planner/keywords/import_csv/", data=body(8 * MEGABYTE, Counter())
        ) as response:
            assert (await response.json())["bytes"] == 8 * MEGABYTE
        async with session.get(f"/api/v1/planner/keywords/?bytes={8 * MEGABYTE}") as response:
            assert len(await response.read()) == 8 * MEGABYTE
        apart.store.go_on.clear()
        apart.store.taken = apart.store.given = 0
        yield session


async def body(size: int, sent: Counter[str]) -> AsyncIterator[bytes]:
    while sent["bytes"] < size:
        piece = PIECE[: size - sent["bytes"]]
        sent["bytes"] += len(piece)
        yield piece


async def standing_still(count: Callable[[], int]) -> int:
    """What is counted when it has not changed for half a second."""
    last, since = -1, 0
    async with asyncio.timeout(DEADLINE):
        while since < 10:
            now = count()
            last, since = now, since + 1 if now == last else 0
            await asyncio.sleep(INTERVAL)
    return last


async def test_the_largest_upload_waits_for_its_service_and_is_held_nowhere(
    apart: Apart, client: aiohttp.ClientSession
) -> None:
    before, sent = apart.memory, Counter[str]()
    upload = asyncio.ensure_future(
        client.post("/api/v1/planner/keywords/import_csv/", data=body(LARGEST_IMPORT, sent))
    )
    assert await standing_still(lambda: sent["bytes"]) < IN_SOCKETS
    most = apart.memory
    assert not upload.done()
    apart.store.go_on.set()
    while not upload.done():
        await asyncio.wait((upload,), timeout=INTERVAL)
        most = max(most, apart.memory)
    async with await upload as response:
        assert (response.status, await response.json()) == (200, {"bytes": LARGEST_IMPORT})
    assert most - before < MOST_GROWTH


async def test_a_download_waits_for_a_client_that_reads_slowly_and_is_held_nowhere(
    apart: Apart, client: aiohttp.ClientSession
) -> None:
    before, got = apart.memory, 0
    async with client.get(f"/api/v1/planner/keywords/?bytes={DOWNLOAD}") as response:
        assert response.status == 200
        assert await standing_still(lambda: apart.store.given) < IN_SOCKETS
        most = apart.memory
        async for chunk in response.content.iter_any():
            if got // (10 * MEGABYTE) != (got + len(chunk)) // (10 * MEGABYTE):
                most = max(most, apart.memory)
            got += len(chunk)
    assert got == DOWNLOAD
    assert most - before < MOST_GROWTH
