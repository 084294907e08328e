"""The HTTP side of a service: routes behind request ids, the server span, idempotency and the error envelope."""

from collections.abc import Iterable
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI
from opentelemetry.trace import SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common import telemetry
from common.api.answers import Failure
from common.api.conditional import NotModified
from common.api.envelope import install_error_handlers, unexpected
from common.api.fields import ChosenFields
from common.api.idempotency import IdempotencyMiddleware
from common.ids import new_id

log = structlog.get_logger()

REQUEST_ID = "x-request-id"


FAILURES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Failure, "description": "Refused; nothing was changed."},
    "5XX": {"model": Failure, "description": "Failed; 502 to 504 are worth another try."},
}
"""Of every operation. It takes the place of FastAPI's own 422, which is never answered."""


def make_app(name: str, routers: Iterable[APIRouter], **options: Any) -> FastAPI:
    """A FastAPI app; its `state.runtime` must be set before the first request."""
    app = FastAPI(
        title=f"IGNY8 {name}",
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=FAILURES,
        **options,
    )
    for router in routers:
        app.include_router(router)
    install_error_handlers(app)
    app.add_middleware(Unexpected)
    app.add_middleware(ChosenFields)
    app.add_middleware(NotModified)
    app.add_middleware(IdempotencyMiddleware, state=app.state)
    app.add_middleware(RequestContext)
    app.add_middleware(TrailingSlash)
    return app


class Unexpected:
    """Turns an error nobody expected into its answer within the other middlewares, which finish a request by its answer.

    FastAPI's own handler stands outside of them: the key of a failed POST stayed taken, its answer had no request id.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            await unexpected(error)(scope, receive, send)


class TrailingSlash:
    """Routes are declared with a trailing slash; without one they are the same."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] == "http"
            and scope["path"].startswith("/api/v1/")
            and not scope["path"].endswith("/")
        ):
            scope = {**scope, "path": scope["path"] + "/"}
        await self._app(scope, receive, send)


class RequestContext:
    """Binds the request's id to logs and answers, and its span to what it causes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        request_id = headers.get(REQUEST_ID.encode(), b"").decode("latin-1") or str(new_id())
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {
                    **message,
                    "headers": [*message["headers"], (REQUEST_ID.encode(), request_id.encode("latin-1"))],
                }
            await send(message)

        parent = headers.get(b"traceparent", b"").decode("latin-1") or None
        name = f"{scope['method']} {scope['path']}"
        attributes: dict[str, str | int] = {"http.request.method": scope["method"], "url.path": scope["path"]}
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        quiet = scope["path"] in ("/livez", "/readyz")
        with telemetry.span_from(parent, name, SpanKind.SERVER, attributes if not quiet else {}) as span:
            await self._app(scope, receive, send_with_id)
            span.set_attribute("http.response.status_code", status)
        if not quiet:
            log.info("request", method=scope["method"], path=scope["path"], status=status)
