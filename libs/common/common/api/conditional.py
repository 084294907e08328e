"""Versions in headers (RFC 9110 §13): `ETag`, and what a client may make its request depend on.

An ETag is `"<version>-<digest>"`. The version is that of the resource's stream at its last change, the `version` of the body:
it is what `If-Match` is compared by, and `"<version>"` alone will do there. The digest is of what was answered, so that
`If-None-Match` also notices what is counted or named along with the resource and has no version of its own.
"""

import hashlib
import re
from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.api.errors import ApiError

CHANGING = ("PUT", "PATCH", "DELETE")
_STRONG = re.compile(r'(?<!W/)"(\d{1,18})(?:-[^"]*)?"')
_TAG = re.compile(rb'"[^"]*"')
# RFC 9110 §15.4.5: what a 304 carries; the rest describes the body that is not sent.
_KEPT_BY_304 = frozenset((b"etag", b"cache-control", b"vary", b"date", b"expires", b"content-location"))


def etag(version: int, data: bytes) -> str:
    """The header's value for a resource at `version` that is shown as `data`."""
    return f'"{version}-{hashlib.blake2b(data, digest_size=6).hexdigest()}"'


def expected_versions(method: str, if_match: str | None) -> frozenset[int] | None:
    """The versions that `If-Match` allows a change of; None where anything is allowed. Weak tags never match."""
    if method not in CHANGING or if_match is None or if_match.strip() == "*":
        return None
    return frozenset(int(version) for version in _STRONG.findall(if_match))


def require_version(found: int, expected: Collection[int] | None) -> None:
    """Raises 412 where a change was asked for on the condition of another version."""
    if expected is not None and found not in expected:
        raise ApiError(
            "PRECONDITION_FAILED",
            f"It is at version {found} by now. Read it again, and decide whether your change still fits.",
            status=412,
            details={"version": found},
        )


class NotModified:
    """Answers 304 in place of a 200 whose ETag the client has named in `If-None-Match`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        given = _if_none_match(scope) if asked else b""
        if not given:
            await self._app(scope, receive, send)
            return
        left_out = False

        async def without_body(message: Message) -> None:
            nonlocal left_out
            if message["type"] == "http.response.start" and message["status"] == 200:
                tag = dict(message["headers"]).get(b"etag", b"")
                if tag and (given.strip() == b"*" or tag in _TAG.findall(given)):
                    left_out = True
                    kept = [pair for pair in message["headers"] if pair[0].lower() in _KEPT_BY_304]
                    message = {**message, "status": 304, "headers": kept}
            elif left_out and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, without_body)


def _if_none_match(scope: Scope) -> bytes:
    return b", ".join(value for name, value in scope["headers"] if name.lower() == b"if-none-match")
