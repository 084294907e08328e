"""Headers as ASGI has them, and those that every answer of the gateway carries."""

import re

from common.api.app import REQUEST_ID
from common.ids import new_id
from starlette.types import Scope

RawHeaders = list[tuple[bytes, bytes]]

EXPOSED = (
    "X-Request-ID",
    "X-Resource-Tracking-Id",
    "RateLimit",
    "RateLimit-Policy",
    "ETag",
    "Retry-After",
    "Location",
)
"""What pages of other origins may read (PRODUCT §8)."""

_ALWAYS: RawHeaders = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
_NOTHING = b"default-src 'none'; frame-ancestors 'none'"
# The documentation's pages have their script inside; ReDoc makes its worker from a blob.
_PAGES = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
    b" img-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'"
)


_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{8,128}")


def header(headers: RawHeaders, wanted: bytes) -> str | None:
    """The first value of a header by its lower-case name."""
    return next((value.decode("latin-1") for name, value in headers if name == wanted), None)


def request_id_of(headers: RawHeaders) -> str:
    """The client's own where it is sane, else a new one."""
    given = header(headers, REQUEST_ID.encode()) or ""
    return given if _SANE_REQUEST_ID.fullmatch(given) else str(new_id())


def security_headers(scope: Scope) -> RawHeaders:
    """For the answer to this request. What a route says by itself stands."""
    path: str = scope["path"]
    if not path.startswith("/api/v1/"):
        return [*_ALWAYS, (b"content-security-policy", _PAGES if path.startswith("/api/") else _NOTHING)]
    # A browser may keep what it read, but asks each time whether it still stands (ETag); never what signs somebody in.
    caching = b"no-store" if path.startswith("/api/v1/auth/") else b"private, no-cache"
    return [*_ALWAYS, (b"content-security-policy", _NOTHING), (b"cache-control", caching)]
