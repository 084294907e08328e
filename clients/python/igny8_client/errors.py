"""What the API refuses, and what it could not do."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx


class ApiError(Exception):
    """An answer that is no success. `code` is one of the API's error codes, empty where somebody else answered."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        errors: Mapping[str, Sequence[str]],
        details: Mapping[str, Any],
        request_id: str | None,
        retry_after: float | None,
    ) -> None:
        """`errors` by field, `retry_after` in seconds; `request_id` is what support asks for."""
        super().__init__(f"{status} {code}: {message}" if code else f"{status}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors
        self.details = details
        self.request_id = request_id
        self.retry_after = retry_after


def error_of(response: httpx.Response) -> ApiError:
    """The error that an answer, read whole, tells of."""
    try:
        body = response.json()
    except ValueError:
        body = None
    told = body if isinstance(body, dict) else {}
    return ApiError(
        response.status_code,
        str(told.get("error_code") or ""),
        str(told.get("error") or response.reason_phrase),
        errors=told.get("errors") or {},
        details=told.get("details") or {},
        request_id=told.get("request_id") or response.headers.get("X-Request-ID"),
        retry_after=_seconds(response.headers.get("Retry-After")),
    )


def _seconds(text: str | None) -> float | None:
    """None also for a date, which this API never sends."""
    return float(text) if text is not None and text.isdecimal() else None
