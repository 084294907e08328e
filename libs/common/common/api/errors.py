"""Errors as users see them: what is wrong, where, and what to do."""

from collections.abc import Mapping
from typing import Any

ERROR_CODES: dict[int, str] = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    402: "PLAN_REQUIRED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    412: "PRECONDITION_FAILED",
    413: "BODY_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "IDEMPOTENCY_KEY_REUSED",
    429: "RATE_LIMITED",
    500: "INTERNAL_ERROR",
    502: "BAD_GATEWAY",
    503: "SERVICE_UNAVAILABLE",
    504: "GATEWAY_TIMEOUT",
}
"""The code of an answer that carries no more precise one."""


class ApiError(Exception):
    """Becomes the standard error envelope with its status."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int,
        errors: Mapping[str, list[str]] | None = None,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.errors = errors
        self.details = details
        self.headers = dict(headers or {})


def not_found(what: str, id: object) -> ApiError:
    """404: it does not exist, or not for this caller; the two must not be told apart."""
    return ApiError("NOT_FOUND", f"{what} {id} does not exist or is not yours.", status=404)


def validation(field: str, message: str) -> ApiError:
    """400 with one field at fault."""
    return ApiError("VALIDATION_ERROR", f"{field}: {message}", status=400, errors={field: [message]})


def forbidden(message: str) -> ApiError:
    """403: it may be read but not changed by this caller."""
    return ApiError("FORBIDDEN", message, status=403)


def conflict(code: str, message: str) -> ApiError:
    """409."""
    return ApiError(code, message, status=409)


def unauthorized(message: str) -> ApiError:
    """401."""
    return ApiError("UNAUTHORIZED", message, status=401, headers={"WWW-Authenticate": "Bearer"})
