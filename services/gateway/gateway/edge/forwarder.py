"""Hands a request to a service and its answer back, streaming both ways in constant memory."""

import asyncio
import math
from collections.abc import AsyncIterator, Iterable, Mapping

import aiohttp
import structlog
from common.api.errors import ApiError
from starlette.types import Receive, Scope, Send
from yarl import URL

from gateway.edge.breaker import Breaker
from gateway.edge.headers import RawHeaders

log = structlog.get_logger()

CONNECT_SECONDS = 2.0
SILENCE_SECONDS = 60.0
"""Without a byte of the answer: the longest thing a service does inside one request is taking in an import."""
CONNECTIONS_PER_SERVICE = 100
QUEUE_SECONDS = 5.0

# RFC 9110 §7.6.1, and what our own connection to the service decides anew.
HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)


class ClientGone(Exception):
    """The client went away; nobody waits for the answer."""


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """The headers that travel on: without hop-by-hop ones and those that `Connection` names."""
    listed = [(name.lower(), value) for name, value in headers]
    named = {
        token.strip().lower()
        for name, value in listed
        if name == b"connection"
        for token in value.split(b",")
    }
    return [(name, value) for name, value in listed if name not in HOP_BY_HOP and name not in named]


class Forwarder:
    """One pooled client for all services; made lazily, for it belongs to the running loop."""

    def __init__(self, upstreams: Mapping[str, str]) -> None:
        self._upstreams = upstreams
        self._breakers = {service: Breaker() for service in upstreams}
        self._client: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def forward(
        self, scope: Scope, receive: Receive, send: Send, *, service: str, path: str, headers: RawHeaders
    ) -> None:
        """Answer with what the service answers. Raises `ApiError` 502, 503 or 504 before anything was sent,
        `ClientGone`, or the connection's error when an answer breaks off (the server then cuts the client's too)."""
        base = self._upstreams.get(service)
        if base is None:
            raise ApiError("SERVICE_UNAVAILABLE", f"The {service} service is not configured.", status=503)
        breaker = self._breakers[service]
        if (seconds := breaker.wait_seconds()) > 0:
            raise ApiError(
                "SERVICE_UNAVAILABLE",
                f"The {service} service does not answer at the moment. Try again.",
                status=503,
                headers={"Retry-After": str(math.ceil(seconds))},
            )
        query = scope["query_string"].decode("latin-1")
        url = URL(f"{base}{_quoted(scope, path)}{'?' + query if query else ''}", encoded=True)
        body = _RequestBody(receive, scope["headers"])
        async with _WhileThere(body):
            await self._exchange(scope["method"], url, headers, body, send, service)

    async def _exchange(
        self, method: str, url: URL, headers: RawHeaders, body: "_RequestBody", send: Send, service: str
    ) -> None:
        started = False
        try:
            async with self._session().request(
                method,
                url,
                headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers],
                data=body.chunks() if body.expected else None,
                allow_redirects=False,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            ) as response:
                answer = end_to_end(response.raw_headers)
                started = True
                self._breakers[service].succeeded()
                await send({"type": "http.response.start", "status": response.status, "headers": answer})
                async for chunk in response.content.iter_any():
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if body.refusal is not None:
                raise body.refusal from error
            if body.gone:
                raise ClientGone from error
            log.warning("upstream_failed", service=service, error=repr(error), answering=started)
            if started:
                raise
            self._breakers[service].failed()
            raise _refusal(service, error) from error

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, limit_per_host=CONNECTIONS_PER_SERVICE),
                timeout=aiohttp.ClientTimeout(
                    total=None,
                    connect=CONNECT_SECONDS + QUEUE_SECONDS,
                    sock_connect=CONNECT_SECONDS,
                    sock_read=SILENCE_SECONDS,
                ),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._client


class _WhileThere:
    """Interrupts what is done in it, and raises `ClientGone`, when the client goes first."""

    def __init__(self, body: "_RequestBody") -> None:
        self._body = body
        self._over = self._gone = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._watch = asyncio.create_task(self._body.client_gone())
        self._watch.add_done_callback(self._interrupt)

    async def __aexit__(self, of: type[BaseException] | None, *_: object) -> None:
        self._over = True
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        if self._gone and self._task.uncancel() == 0 and of is asyncio.CancelledError:
            raise ClientGone

    def _interrupt(self, _: "asyncio.Task[None]") -> None:
        if not self._over:  # servers also say of whoever has the whole answer that he has gone
            self._gone = True
            self._task.cancel()


def _refusal(service: str, error: Exception) -> ApiError:
    retry = {"Retry-After": "1"}
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return ApiError(
            "SERVICE_UNAVAILABLE", f"The {service} service is too busy. Try again.", status=503, headers=retry
        )
    if isinstance(error, TimeoutError):
        return ApiError("GATEWAY_TIMEOUT", f"The {service} service did not answer in time.", status=504)
    return ApiError(
        "BAD_GATEWAY", f"The {service} service cannot be reached. Try again.", status=502, headers=retry
    )


def _quoted(scope: Scope, path: str) -> str:
    """The path as the client wrote it where it is unchanged: decoding and encoding again could alter it."""
    raw: bytes = scope.get("raw_path") or b""
    if path.rstrip("/") == scope["path"].rstrip("/") and raw:
        return raw.partition(b"?")[0].decode("latin-1").rstrip("/") + ("/" if path.endswith("/") else "")
    return URL.build(path=path).raw_path


class _RequestBody:
    """The request's body as it comes in, and the news that its sender has gone."""

    def __init__(self, receive: Receive, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._receive = receive
        self._read = asyncio.Event()
        self.gone = False
        self.refusal: ApiError | None = None
        """Why the rest of the body is not read."""
        framing = dict(headers)
        self.expected = framing.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in framing
        if not self.expected:
            self._read.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            while True:
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    self.gone = True
                    raise ClientGone
                if chunk := message.get("body", b""):
                    yield chunk
                if not message.get("more_body"):
                    return
        except ApiError as error:  # the client only says that the body could not be sent
            self.refusal = error
            raise
        finally:
            self._read.set()

    async def client_gone(self) -> None:
        """Returns when the client has gone. Only one may listen: the body's end is waited for."""
        await self._read.wait()
        while not self.gone and (await self._receive())["type"] != "http.disconnect":
            continue
