"""The outermost ASGI app: request id, server span, authentication, then our own routes or a service's."""

import asyncio
from collections.abc import Callable
from uuid import UUID

import structlog
from common import telemetry
from common.api.app import REQUEST_ID
from common.api.envelope import failure, unexpected
from common.api.errors import ApiError
from common.auth.identity import HEADER, IDENTITY, Identity, IdentitySigner, anonymous
from common.database import Database
from opentelemetry.trace import SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.activity.live import LiveUpdates
from gateway.audit.log import AUDIT, SAFE, AuditLog, Entry, action_of, actor_of, object_made, object_of
from gateway.edge.acting import HEADER as ACT_AS
from gateway.edge.acting import Acting
from gateway.edge.callers import Callers, refuse_writes, require_module
from gateway.edge.doubts import Doubts
from gateway.edge.forwarder import ClientGone, Forwarder, end_to_end
from gateway.edge.headers import RawHeaders, request_id_of, security_headers
from gateway.edge.headers import header as _header
from gateway.edge.key_callers import KeyCallers, presented_key
from gateway.edge.limits import LimitedBody, Limits, class_of
from gateway.edge.routes import Route, route
from gateway.edge.sockets import Sockets
from gateway.edge.waiting import Accepted, Kept, preferred_wait
from gateway.tracking.metrics import ROLES as TRACKING_ROLES
from gateway.tracking.metrics import Tracked

log = structlog.get_logger()

_IDENTITY = HEADER.lower().encode()
_ID = REQUEST_ID.encode()
# What a client must not decide: its identity, and the headers we set ourselves.
_OURS = frozenset(
    (_IDENTITY, _ID, b"traceparent", b"tracestate", b"authorization", b"x-api-key", ACT_AS, b"expect")
)
_MAKES = (201, 202)
LARGEST_READ = 65_536
"""Bytes of an answer that are looked into for the id of what was made; such answers are small."""
_QUIET = ("/livez", "/readyz")


class Edge:
    """Wraps the gateway's own app."""

    def __init__(
        self,
        own: ASGIApp,
        callers: Callers,
        signer: IdentitySigner,
        forwarder: Forwarder,
        keys: KeyCallers,
        acting: Acting,
        audit: AuditLog,
        limits: Limits,
        database: Database,
        live: LiveUpdates,
    ) -> None:
        self._own = own
        self._sockets = Sockets(self._identity, limits, live)
        self._doubts = Doubts(limits)
        self._callers = callers
        self._keys = keys
        self._acting = acting
        self._audit = audit
        self._signer = signer
        self._forwarder = forwarder
        self._limits = limits
        self._database = database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            try:
                await self._own(scope, self._flushing(receive), send)
            finally:
                await self._forwarder.close()
            return
        if scope["type"] == "websocket":
            await self._sockets(scope, receive, send)
            return
        headers = end_to_end(scope["headers"])
        request_id = request_id_of(headers)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        answer = _Answer(send, request_id, security_headers(scope))
        if scope["path"] in _QUIET:
            await self._own({**scope, "headers": _passed_on(headers, {_ID: request_id})}, receive, answer)
            return
        name = f"{scope['method']} {scope['path']}"
        attributes: dict[str, str | int] = {"http.request.method": scope["method"], "url.path": scope["path"]}
        with telemetry.span_from(_header(headers, b"traceparent"), name, SpanKind.SERVER, attributes) as span:
            try:
                await self._serve(scope, receive, answer, headers, request_id)
            except ApiError as error:
                refusal = failure(
                    error.status,
                    error.code,
                    error.message,
                    errors=error.errors,
                    details=error.details,
                    headers=error.headers,
                )
                await refusal(scope, receive, answer)
            except ClientGone:
                log.info("client_gone", path=scope["path"])
            except Exception as error:
                if answer.status:  # begun: it must break off
                    raise
                await unexpected(error)(scope, receive, answer)
            finally:
                if answer.entry is not None and answer.entry.id is not None and answer.status:
                    self._audit.end(answer.entry, answer.status, answer.made())
            span.set_attribute("http.response.status_code", answer.status)

    async def _serve(
        self, scope: Scope, receive: Receive, answer: "_Answer", headers: RawHeaders, request_id: str
    ) -> None:
        target = route(scope["method"], scope["path"])
        address = scope["client"][0] if scope.get("client") else ""
        identity = await self._identity(headers, target, request_id, address)
        kind = class_of(scope["method"], target.path)
        if kind is not None:
            answer.headers += await self._limits.count(kind, identity, address)
        if _header(headers, b"x-track-resources") == "1" and identity.role in TRACKING_ROLES:
            answer.track(Tracked(self._database, identity, scope["method"], scope["path"]))
        if scope["method"] not in SAFE:
            answer.entry = _entry(scope, target, request_id)
            scope = {**scope, AUDIT: (self._audit, answer.entry)}
        if target.public is None:
            if answer.entry is not None:
                behalf = identity.account_id if identity.act_as else None
                await self._audit.begin(answer.entry, identity.account_id, actor_of(identity), behalf)
            require_module(identity, target.path)
            refuse_writes(identity, scope["method"], target.path)
        body = LimitedBody(receive, target.path, headers)
        if target.service is None:
            if answer.entry is not None:
                # Before the client sees the answer, and so can rely on it in its next call.
                answer.before_start = lambda: self._forget(answer.entry)
            answer.dropped = lambda: body.exceeded  # its route may have taken it for a body that is broken
        seconds = preferred_wait(headers) if scope["method"] == "POST" else 0
        accepted = Accepted(answer) if seconds else None
        await self._pass_on(scope, headers, body, accepted or answer, identity, target)
        if answer.dropped():
            answer.dropped = bool
            raise body.refusal()
        if accepted is None or accepted.location is None:
            return

        async def ask(path: str) -> Kept:
            kept = Kept()
            question = {
                **scope,
                "method": "GET",
                "path": path,
                "raw_path": path.encode(),
                "query_string": b"",
            }
            there = route("GET", path)
            await self._pass_on({**question, "headers": []}, [], _nothing_sent, kept.keep, identity, there)
            return kept

        await accepted.wait(seconds, ask, receive)

    async def _pass_on(
        self,
        scope: Scope,
        headers: RawHeaders,
        receive: Receive,
        send: Send,
        identity: Identity,
        target: Route,
    ) -> None:
        """To the service of a route, or to our own app, in the name of its caller."""
        ours = {_ID: identity.request_id}
        if target.service is not None:
            ours[_IDENTITY] = self._signer.token_of(identity)
        if traceparent := telemetry.traceparent() or _header(headers, b"traceparent"):
            ours[b"traceparent"] = traceparent
        passed_on = _passed_on(headers, ours)
        if target.public is not None:
            # Its caller is nobody: two strangers' keys must not meet.
            passed_on = [header for header in passed_on if header[0] != b"idempotency-key"]
        if target.service is None:
            await self._own({**scope, "headers": passed_on, IDENTITY: identity}, receive, send)
        else:
            await self._forwarder.forward(
                scope, receive, send, service=target.service, path=target.path, headers=passed_on
            )

    def _forget(self, entry: Entry | None) -> None:
        """That of whose account it was: of what anybody may ask for, only the change itself has told."""
        if entry is not None and entry.account_id is not None:
            self._callers.forget(entry.account_id)
            self._keys.forget(entry.account_id)

    def _flushing(self, receive: Receive) -> Receive:
        """Outcomes are written before the service hears that it ends, and closes its database."""

        async def heard() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self._audit.flush()
            return message

        return heard

    async def _identity(self, headers: RawHeaders, target: Route, request_id: str, address: str) -> Identity:
        if target.public is not None:
            return anonymous(target.public, request_id)
        given = {name: value.decode("latin-1") for name, value in headers}
        secret = presented_key(given)
        authorization = given.get(b"authorization", "")
        async with self._doubts.examining(authorization if secret is None else secret, address):
            if secret is not None:
                identity = await self._keys.identify(secret, request_id)
            else:
                identity = await self._callers.identify(authorization, request_id)
        if (account := given.get(ACT_AS)) is not None:
            identity = await self._acting.on_behalf(identity, account)
        structlog.contextvars.bind_contextvars(
            account_id=str(identity.account_id), user_id=str(identity.user_id)
        )
        return identity


def _nothing() -> None:
    return None


def _entry(scope: Scope, target: Route, request_id: str) -> Entry:
    traceparent = telemetry.traceparent()
    return Entry(
        action_of(scope["method"], target.path),
        object_of(target.path),
        request_id,
        traceparent.split("-")[1] if traceparent else None,
        scope["client"][0] if scope.get("client") else "",
    )


async def _nothing_sent() -> Message:
    """The client's side of a question that we ask ourselves: it has no body, and does not go away."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


class _Answer:
    """The client's side of the answer: carries our request id and nobody else's; tells the audit log what was made."""

    def __init__(self, send: Send, request_id: str, unless_said: RawHeaders) -> None:
        self._send = send
        self._unless_said = unless_said
        self.headers: RawHeaders = []
        self._request_id = request_id.encode("latin-1")
        self.status = 0
        self.before_start: Callable[[], None] = _nothing
        self.entry: Entry | None = None
        self._body: list[bytes] = []
        self._bytes = 0
        self._tracked: Tracked | None = None
        self.dropped: Callable[[], bool] = bool
        """Whether this answer is not to be sent, for another takes its place."""

    def track(self, tracked: Tracked) -> None:
        self._tracked = tracked
        self.headers.append((b"x-resource-tracking-id", str(tracked.id).encode()))

    async def __call__(self, message: Message) -> None:
        if not self.status and self.dropped():
            return
        if message["type"] == "http.response.start":
            before, self.before_start = self.before_start, _nothing
            before()
            self.status = message["status"]
            kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() != _ID]
            said = {name.lower() for name, _ in kept}
            ours = [*self.headers, *(pair for pair in self._unless_said if pair[0] not in said)]
            message = {**message, "headers": [*kept, *ours, (_ID, self._request_id)]}
        else:
            if self.entry is not None and self.status in _MAKES and self._bytes <= LARGEST_READ:
                self._body.append(message.get("body", b""))
                self._bytes += len(self._body[-1])
            if self._tracked is not None and not message.get("more_body"):
                await self._tracked.ended(self.status)
        await self._send(message)

    def made(self) -> UUID | None:
        """The id of what the answer says was made."""
        return object_made(b"".join(self._body)) if self._body and self._bytes <= LARGEST_READ else None


def _passed_on(headers: RawHeaders, ours: dict[bytes, str]) -> RawHeaders:
    kept = [(name, value) for name, value in headers if name not in _OURS]
    return [*kept, *((name, value.encode("latin-1")) for name, value in ours.items())]
