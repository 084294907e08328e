"""The WebSocket at `/ws`: the server-sent events' messages for the same callers. Who may not is refused before it opens."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

import structlog
from common.api.app import REQUEST_ID
from common.api.caller import CallerOf
from common.api.envelope import failure, unexpected
from common.api.errors import ApiError, not_found
from common.auth.identity import Identity
from common.auth.permissions import ROUTES
from starlette.types import Receive, Scope, Send

from gateway.activity import socket
from gateway.activity.live import LiveUpdates, resume_after
from gateway.edge.forwarder import end_to_end
from gateway.edge.headers import RawHeaders, header, request_id_of
from gateway.edge.limits import Limits
from gateway.edge.routes import Route, route

PATH = "/ws"
SAME_AS = "/api/v1/events/"
"""Whoever may have these may have the socket."""
BEARER = "bearer."
"""A page can send no header along: it offers the protocols `igny8` and this with its token. Addresses get into logs."""

Identify = Callable[[RawHeaders, Route, str, str], Awaitable[Identity]]
"""By headers, route, request id and the client's address."""


class Sockets:
    """Lets callers in and tells them what happens."""

    def __init__(self, identify: Identify, limits: Limits, live: LiveUpdates) -> None:
        self._identify = identify
        self._limits = limits
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _with_token(end_to_end(scope["headers"]), scope["subprotocols"])
        request_id = request_id_of(headers)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        named = (REQUEST_ID.encode(), request_id.encode())
        await receive()  # that it wants to connect

        address = scope["client"][0] if scope.get("client") else ""

        async def again() -> Identity:
            identity = await self._identify(headers, route("GET", SAME_AS), request_id, address)
            asked = ROUTES.asked("GET", SAME_AS)
            assert asked is not None
            CallerOf(identity, None, PATH).require(asked.permission)
            return identity

        try:
            if scope["path"].rstrip("/") != PATH:
                raise not_found("WebSocket", scope["path"])
            identity = await again()
            limits = await self._limits.count("read", identity, address)
            self._live.require_room(identity.account_id)
            after = await self._live.beginning(identity.account_id, _last_seen(scope, headers))
        except Exception as error:
            await _refuse(error, named, scope, receive, send)
            return
        chosen = socket.SUBPROTOCOL if socket.SUBPROTOCOL in scope["subprotocols"] else None
        await send({"type": "websocket.accept", "subprotocol": chosen, "headers": [named, *limits]})
        log = structlog.get_logger()
        log.info("websocket_opened")
        await socket.tell(self._live, identity, after, again, receive, send)
        log.info("websocket_closed")


async def _refuse(
    error: Exception, named: tuple[bytes, bytes], scope: Scope, receive: Receive, send: Send
) -> None:
    """The standard answer, where the server can still give one; else the code that the connection would be closed with."""
    if not isinstance(error, ApiError):
        refusal = unexpected(error)
    else:
        refusal = failure(error.status, error.code, error.message, errors=error.errors, headers=error.headers)
    if "websocket.http.response" in scope.get("extensions", {}):
        refusal.raw_headers.append(named)
        await refusal(scope, receive, send)
        return
    code = socket.REFUSED + refusal.status_code
    await send({"type": "websocket.close", "code": code, "reason": getattr(error, "code", "INTERNAL_ERROR")})


def _with_token(headers: RawHeaders, offered: list[str]) -> RawHeaders:
    """The token among the offered protocols as the header it would be; a header that is there counts."""
    token = next((each.removeprefix(BEARER) for each in offered if each.startswith(BEARER)), None)
    if token is None or any(name in (b"authorization", b"x-api-key") for name, _ in headers):
        return headers
    return [*headers, (b"authorization", f"Bearer {token}".encode("latin-1"))]


def _last_seen(scope: Scope, headers: RawHeaders) -> int | None:
    """As `Last-Event-ID`, or where no header can be sent as `?last_event_id=`."""
    given = parse_qs(scope["query_string"].decode("latin-1")).get("last_event_id", [""])[0]
    return resume_after(header(headers, b"last-event-id") or given)
