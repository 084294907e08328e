"""The one shape of every answer."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Message, Receive, Scope, Send

from common.api.conditional import etag
from common.api.errors import ERROR_CODES, ApiError
from common.api.fields import chosen
from common.database import EventTooLarge, holds_nul, is_away, is_of_erased
from common.eventsourcing.decider import DomainError
from common.ids import new_id
from common.telemetry import log_failure

TASK_PROGRESS = "/api/v1/system/settings/task_progress/{}/"


class Answer(Response):
    """JSON by msgspec; the request's id is filled in by the middleware that knows it."""

    media_type = "application/json"


def answer(
    data: Any, *, status: int = 200, message: str | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """A success; `data` is anything msgspec or pydantic can write. A single resource gets its version as ETag."""
    shown = chosen(data)
    written = msgspec.Raw(encode(shown))
    body: dict[str, Any] = {"success": True, "data": written}
    if message:
        body["message"] = message
    version = data.get("version") if isinstance(data, Mapping) else getattr(data, "version", None)
    tag = {"ETag": etag(version, bytes(written))} if type(version) is int else {}
    return Answer(encode(_finish(body)), status, tag | dict(headers or {}))


REPLAY = "igny8.replay"
"""In the message that starts an answer: the body to keep for a repetition, where that may not show what this one does."""


class _ShownOnce(Answer):
    """Sent whole, and kept as something else."""

    replay: bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marking(message: Message) -> None:
            start = message["type"] == "http.response.start"
            await send({**message, REPLAY: self.replay} if start else message)

        await super().__call__(scope, receive, marking)


def shown_once(data: Any, later: Any, *, status: int = 200) -> Answer:
    """A success whose `data` hold a secret; the same request again, by its Idempotency-Key, is answered with `later`."""
    shown = _ShownOnce(
        encode(_finish({"success": True, "data": data})), status, {"Cache-Control": "no-store"}
    )
    shown.replay = encode(_finish({"success": True, "data": later}))
    return shown


def accepted(task_id: UUID, follow: str = TASK_PROGRESS) -> Answer:
    """202 of an AI action or another long work; `follow` is the path that tells what becomes of it."""
    location = follow.format(task_id)
    message = f"Accepted; GET {location} tells how far it is."
    return answer({"task_id": task_id}, status=202, message=message, headers={"Location": location})


def failure(
    status: int,
    code: str,
    message: str,
    *,
    errors: Mapping[str, list[str]] | None = None,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """An error answer."""
    body: dict[str, Any] = {"success": False, "error": message, "error_code": code}
    if errors:
        body["errors"] = errors
    if details:
        body["details"] = details
    return Answer(encode(_finish(body)), status, dict(headers or {}))


def unexpected(error: Exception) -> Answer:
    """What users see of an error nobody expected, or of a database that is away; the log has the rest."""
    if holds_nul(error):
        return failure(
            400,
            "VALIDATION_ERROR",
            "A text holds a NUL character (U+0000), which cannot be stored. Leave it out.",
        )
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        return failure(
            400,
            "VALIDATION_ERROR",
            "A text holds half a surrogate pair (U+D800 to U+DFFF), which no encoding has. Leave it out.",
        )
    if is_of_erased(error):
        return failure(401, "UNAUTHORIZED", "This account was erased.")
    log_failure("request_failed", error)
    if is_away(error):
        return failure(
            503,
            "SERVICE_UNAVAILABLE",
            "The service cannot reach its database. Try again, with the same Idempotency-Key.",
            headers={"Retry-After": "1"},
        )
    return failure(
        500, "INTERNAL_ERROR", "Something went wrong on our side. Quote the request id to support."
    )


def encode(body: Any) -> bytes:
    return msgspec.json.encode(body, enc_hook=_other)


def _other(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} cannot be answered as JSON")


def _finish(body: dict[str, Any]) -> dict[str, Any]:
    body["request_id"] = current_request_id()
    body["timestamp"] = datetime.now(UTC)
    return body


def current_request_id() -> str:
    """The id of the request being answered (bound by the app's middleware), or a new one outside of any."""
    bound = structlog.contextvars.get_contextvars().get("request_id")
    return str(bound) if bound else str(new_id())


def _other_media_type(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind != "application/json" and not kind.endswith("+json")


_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")


def _methods(request: Request) -> str:
    """Those of the request's path; Starlette names only those of its first route."""

    def is_there(method: str) -> bool:
        asked = {**request.scope, "method": method}
        return any(route.matches(asked)[0] is Match.FULL for route in request.app.routes)

    return ", ".join(method for method in _METHODS if is_there(method))


def install_error_handlers(app: FastAPI) -> None:
    """Whatever goes wrong in a route ends in the standard envelope."""

    @app.exception_handler(ApiError)
    async def _api(_request: Request, error: ApiError) -> Response:
        return failure(
            error.status,
            error.code,
            error.message,
            errors=error.errors,
            details=error.details,
            headers=error.headers,
        )

    @app.exception_handler(DomainError)
    async def _domain(_request: Request, error: DomainError) -> Response:
        return failure(error.status, error.code, error.message, details=error.details or None)

    @app.exception_handler(EventTooLarge)
    async def _too_large(_request: Request, error: EventTooLarge) -> Response:
        return failure(413, "BODY_TOO_LARGE", f"What this would record is too large: {error}.")

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> Response:
        fields: dict[str, list[str]] = {}
        for problem in error.errors():
            place = ".".join(str(part) for part in problem["loc"] if part not in ("body", "query", "path"))
            fields.setdefault(place or "body", []).append(str(problem["msg"]))
        unread = any(
            problem["loc"] == ("body",) and problem["type"] != "missing" for problem in error.errors()
        )
        if unread and _other_media_type(request):
            return failure(
                415, "UNSUPPORTED_MEDIA_TYPE", "Send the body as JSON, with Content-Type: application/json."
            )
        first = next(iter(fields.items()))
        return failure(400, "VALIDATION_ERROR", f"{first[0]}: {first[1][0]}", errors=fields)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        other = "VALIDATION_ERROR" if error.status_code < 500 else "INTERNAL_ERROR"
        code = ERROR_CODES.get(error.status_code, other)
        headers = {"Allow": _methods(request)} if error.status_code == 405 else error.headers
        return failure(error.status_code, code, str(error.detail), headers=headers)

    @app.exception_handler(Exception)
    async def _unexpected(_request: Request, error: Exception) -> Response:
        return unexpected(error)
