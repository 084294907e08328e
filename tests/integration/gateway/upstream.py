"""A service behind the edge that streams, and the gateway in front of it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from aiohttp import web

from tests.integration.gateway.running import Gateway, Tenant, make_gateway
from tests.parts.ports import eventually, free_port
from tests.support.database import ServiceUrls

CHUNK = b"x" * 65_536


@dataclass
class Upstream:
    """A service that streams, and remembers what it was sent."""

    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    uploaded: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    first_chunk: asyncio.Event = field(default_factory=asyncio.Event)
    aborted: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/api/v1/planner/keywords/import_csv/", self.upload)
        app.router.add_get("/api/v1/planner/download/", self.download)
        app.router.add_get("/api/v1/planner/broken/{before}/", self.break_off)
        app.router.add_get("/api/v1/planner/hang/", self.hang)
        app.router.add_post("/api/v1/planner/keywords/auto_cluster/", self.accept)
        app.router.add_get("/api/v1/planner/imports/{id}/", self.follow)
        app.router.add_get("/api/v1/planner/away/{id}/", self.leave)
        app.router.add_route("*", "/{tail:.*}", self.echo)
        return app

    def forget(self) -> None:
        """As before anything was sent."""
        for event in (self.first_chunk, self.aborted, self.release):
            event.clear()
        self.uploaded = 0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Notes when the request ends before its answer."""
        try:
            yield
        except BaseException:
            self.aborted.set()
            raise

    async def echo(self, request: web.Request) -> web.Response:
        names = {name.lower() for name in request.headers}
        self.headers.append({name: ", ".join(request.headers.getall(name)) for name in names})
        self.paths.append(request.raw_path)
        return web.json_response(
            {"body": await request.text()},
            headers={"Connection": "X-Hop", "X-Hop": "1", "X-Request-ID": "theirs"},
        )

    async def upload(self, request: web.Request) -> web.Response:
        with self.watched():
            async for chunk in request.content.iter_any():
                self.uploaded += len(chunk)
                self.first_chunk.set()
        return web.json_response({"bytes": self.uploaded})

    async def accept(self, request: web.Request) -> web.Response:
        """A task that has ended when it is asked for the third time; one of which nobody can tell; what is no task."""
        location = f"/api/v1/planner/{request.query.get('at', 'imports')}/{request.query['id']}/"
        made = {request.query.get("made", "task_id"): "t"}
        return web.json_response({"data": made}, status=202, headers={"Location": location})

    async def follow(self, request: web.Request) -> web.Response:
        self.asked[request.match_info["id"]] += 1
        asked = self.asked[request.match_info["id"]]
        if asked == 1:
            return web.json_response({"error_code": "NOT_FOUND"}, status=404)
        return web.json_response({"data": {"status": "running" if asked < 4 else "completed"}})

    async def leave(self, request: web.Request) -> web.Response:
        self.asked[request.match_info["id"]] += 1
        if self.asked[request.match_info["id"]] == 1:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"error_code": "NOT_FOUND"}, status=404)

    async def download(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(CHUNK)
        with self.watched():
            await self.release.wait()
        await response.write(CHUNK)
        return response

    async def break_off(self, request: web.Request) -> web.StreamResponse:
        """Loses its connection before the answer, in the middle of one that ends somewhere, or of one with a length."""
        response = web.StreamResponse()
        assert request.transport is not None
        if request.match_info["before"] != "answer":
            if request.match_info["before"] == "length":
                response.content_length = 2 * len(CHUNK)
            await response.prepare(request)
            await response.write(CHUNK)
            await self.release.wait()
        request.transport.abort()
        return response

    async def hang(self, request: web.Request) -> web.Response:
        self.first_chunk.set()
        with self.watched():
            await asyncio.Event().wait()
        return web.Response()


@asynccontextmanager
async def answering(app: web.Application, port: int) -> AsyncIterator[None]:
    """A service on this port, whose handlers end with their clients."""
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()


@dataclass(frozen=True)
class Databases:
    """What gateways share."""

    urls: ServiceUrls
    secret_urls: ServiceUrls
    directory: Path
    master_key: str


@dataclass(frozen=True)
class Running:
    """A gateway that answers at `url`, with a service behind it."""

    gateway: Gateway
    url: str
    upstream: Upstream
    tenant: Tenant
    databases: Databases

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tenant.registered['access']}"}

    @asynccontextmanager
    async def another(self, upstreams: str = "") -> AsyncIterator[str]:
        """The address of one more gateway, which knows nothing yet of how its services do."""
        upstreams = upstreams or self.gateway.runtime.settings.upstreams
        async with serving(self.databases, upstreams) as (_, url):
            yield url


@asynccontextmanager
async def serving(shared: Databases, upstreams: str) -> AsyncIterator[tuple[Gateway, str]]:
    """A gateway in this process, and its address."""
    gateway = make_gateway(
        shared.urls, shared.secret_urls, shared.directory, upstreams=upstreams, master_key=shared.master_key
    )
    await gateway.runtime.database.open()
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(gateway.app, port=port, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    )
    running = asyncio.create_task(server.serve())
    await eventually(lambda: server.started, what="the gateway serves")
    try:
        yield gateway, f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await running
        await gateway.runtime.extras["gateway"].audit.flush()
        await gateway.runtime.database.close()
