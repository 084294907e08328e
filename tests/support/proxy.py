"""A proxy before a WordPress that can keep an answer for itself: the moment between "it was done" and "we know it"."""

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType

from aiohttp import ClientSession, web

from tests.parts.ports import free_port, wait_for

Match = Callable[[str, str], bool]
"""(method, path) -> whether this answer is kept."""


class KeepingProxy:
    """Forwards to `upstream`. When `arm`ed, the next successful matching answer runs `then` and is never delivered.

    Creations pass one at a time, and one whose client is gone by its turn does not pass: so each kept answer stands
    for exactly one thing done in WordPress that its client does not know of.
    """

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._port = free_port()
        self._armed: tuple[Match, Callable[[], None]] | None = None
        self.kept = 0
        self._turn = asyncio.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def arm(self, match: Match, then: Callable[[], None]) -> None:
        self._armed = (match, then)

    def __enter__(self) -> "KeepingProxy":
        self._thread.start()
        wait_for(self._ready.is_set, what="the proxy listens")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._session.close())

    async def _start(self) -> None:
        self._session = ClientSession(auto_decompress=False)
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._forward)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port).start()

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.method != "POST":
            return await self._pass_on(request, body)
        async with self._turn:
            if request.transport is None or request.transport.is_closing():
                raise web.HTTPBadGateway
            return await self._pass_on(request, body)

    async def _pass_on(self, request: web.Request, sent: bytes) -> web.StreamResponse:
        headers = {
            k: v for k, v in request.headers.items() if k.lower() not in ("content-length", "connection")
        }
        async with self._session.request(
            request.method,
            self._upstream + request.path_qs,
            headers=headers,
            data=sent,
            allow_redirects=False,
        ) as answer:
            body = await answer.read()
            armed = self._armed
            if armed and answer.status < 300 and armed[0](request.method, request.path):
                self._armed = None
                self.kept += 1
                await asyncio.get_running_loop().run_in_executor(None, armed[1])
                if request.transport is not None:
                    request.transport.abort()
                raise web.HTTPBadGateway
            kept = {
                k: v
                for k, v in answer.headers.items()
                if k.lower() not in ("content-length", "transfer-encoding", "connection")
            }
            return web.Response(status=answer.status, headers=kept, body=body)
