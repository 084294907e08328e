"""What a caller may send: requests a minute by class of operation, and bytes a request (PRODUCT §8)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from common.api.errors import ApiError
from common.api.idempotency import LARGEST_BODY
from common.auth.identity import Identity
from limits import RateLimitItem, RateLimitItemPerMinute
from starlette.types import Message, Receive

from gateway.edge.headers import RawHeaders, header
from gateway.windows import Window, Windows, network_of

Class = Literal["auth", "read", "write", "ai", "import", "webhook", "failed"]
CLASSES: tuple[Class, ...] = get_args(Class)
PERIOD_SECONDS = 60

LARGEST_IMPORT = 100_000_000
"""Of the file; what the form around it may weigh is `FORM_BYTES`."""
FORM_BYTES = 64 * 1024

# The first match counts; all of them are POST. What matches none is a write.
_POSTS: tuple[tuple[Class, re.Pattern[str]], ...] = (
    ("auth", re.compile(r"/api/v1/auth/(register|login|refresh|logout|password-reset(/confirm)?|invitations/accept)/")),
    ("import", re.compile(r"/api/v1/(.+/)?(import_csv|bulk-import|import)/")),
    ("webhook", re.compile(r"/api/v1/(integration|billing)/webhooks/(wordpress|stripe|paypal)/")),
    (
        "ai",
        re.compile(
            r"/api/v1/(.+/(auto_cluster|auto-cluster|auto_generate_ideas|auto_generate_content|generate_images"
            r"|generate_image|generate|regenerate|preview|test_openai|test_runware)|automation/runs(/[^/]+/retry)?)/"
        ),
    ),
)  # fmt: skip

_FILE = re.compile(r"/api/v1/(.+/)?(import_csv|import)/")
"""What takes a file, in pieces; all else (`bulk-import/` too) is read into memory, whatever its sender calls it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts requests; `per_minute` has every class."""

    per_minute: Mapping[Class, int]
    windows: Windows

    async def count(self, of: Class, identity: Identity, address: str) -> RawHeaders:
        """The answer's `RateLimit` headers (draft-ietf-httpapi-ratelimit-headers-10). Raises 429."""
        limit = RateLimitItemPerMinute(self.per_minute[of])
        return _allowed(of, limit, await self.windows.hit(limit, of, _caller(of, identity, address)))

    async def count_failed(self, address: str) -> None:
        """One more credential from this address that is none. Raises 429."""
        limit = RateLimitItemPerMinute(self.per_minute["failed"])
        _allowed("failed", limit, await self.windows.hit(limit, "failed", _network(address)))

    async def require_trusted(self, address: str) -> None:
        """Raises 429 for an address that has sent as many credentials that are none as it may."""
        limit = RateLimitItemPerMinute(self.per_minute["failed"])
        _allowed("failed", limit, await self.windows.look(limit, "failed", _network(address)))


def _allowed(of: Class, limit: RateLimitItem, window: Window) -> RawHeaders:
    what = "with credentials that do not count" if of == "failed" else f"of class {of}"
    policy = f'"{of}";q={limit.amount};w={PERIOD_SECONDS}'
    left = f'"{of}";r={window.remaining};t={window.reset_seconds}'
    if window.allowed:
        return [(b"ratelimit", left.encode()), (b"ratelimit-policy", policy.encode())]
    raise ApiError(
        "RATE_LIMITED",
        f"At most {limit.amount} requests {what} a minute. Try again in {window.reset_seconds} seconds.",
        status=429,
        details={"class": of, "per_minute": limit.amount},
        headers={
            "RateLimit": left,
            "RateLimit-Policy": policy,
            "Retry-After": str(window.reset_seconds),
        },
    )


def _caller(of: Class, identity: Identity, address: str) -> str:
    """Each key and each person by itself; who is nobody, and who signs in, by address."""
    if of != "auth" and identity.api_key_id is not None:
        return f"key:{identity.api_key_id}"
    if of != "auth" and identity.user_id is not None:
        return f"user:{identity.user_id}"
    return _network(address)


def _network(address: str) -> str:
    return f"address:{network_of(address)}"


def class_of(method: str, path: str) -> Class | None:
    """The class of a request to `path` with its last slash; None is not counted (documentation, health, keys)."""
    if not path.startswith("/api/v1/"):
        return None
    if method in ("GET", "HEAD", "OPTIONS"):
        return "read"
    if method == "POST":
        return next((name for name, pattern in _POSTS if pattern.fullmatch(path)), "write")
    return "write"


def parse_limits(text: str) -> Mapping[Class, int]:
    """`write=120,ai=30` → requests a minute of every class, those of PRODUCT §8 where none are given. Raises ValueError."""
    found: dict[Class, int] = {
        "auth": 10,
        "read": 600,
        "write": 120,
        "ai": 30,
        "import": 10,
        "webhook": 300,
        "failed": 60,
    }
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = part.partition("=")
        wanted = next((known for known in CLASSES if known == name.strip()), None)
        if wanted is None or not number.strip().isdecimal() or int(number) < 1:
            raise ValueError(
                f"IGNY8_RATE_LIMITS: {part!r} is not one of {', '.join(CLASSES)}, = and a number above 0"
            )
        found[wanted] = int(number)
    return found


class LimitedBody:
    """A request's body that ends with 413 where it is larger than its route takes; raises at once where it says so."""

    def __init__(self, receive: Receive, path: str, headers: RawHeaders) -> None:
        file = _FILE.fullmatch(path) is not None
        self.most = LARGEST_IMPORT if file else LARGEST_BODY
        self.exceeded = False
        self._room = self.most + (FORM_BYTES if file else 0)
        self._receive = receive
        said = header(headers, b"content-length") or ""
        if said.isdecimal() and int(said) > self._room:
            raise self.refusal()

    async def __call__(self) -> Message:
        message = await self._receive()
        self._room -= len(message.get("body", b""))
        if self._room < 0:
            self.exceeded = True
            raise self.refusal()
        return message

    def refusal(self) -> ApiError:
        return ApiError("BODY_TOO_LARGE", f"The body may have at most {self.most:,} bytes here.", status=413)
