"""Which service answers a path, and which paths need nobody signed in."""

from collections.abc import Mapping
from dataclasses import dataclass

from common.auth.permissions import ROUTES

# Public prefix, service, prefix there. The first match counts.
_TABLE = (
    ("/api/v1/planner/tasks/", "writer", "/api/v1/writer/tasks/"),  # an alias (PRODUCT §13)
    ("/api/v1/planner/", "planner", None),
    ("/api/v1/automation/", "planner", None),
    ("/api/v1/writer/", "writer", None),
    ("/api/v1/billing/", "billing", None),
    ("/api/v1/admin/adjustments/", "billing", None),
    ("/api/v1/admin/plans/", "billing", None),
    ("/api/v1/admin/rate-cards/", "billing", None),
    ("/api/v1/integration/", "publisher", None),
    ("/api/v1/publisher/", "publisher", None),
)
UPSTREAMS = ("planner", "writer", "billing", "publisher")


@dataclass(frozen=True, slots=True)
class Route:
    """`service` None is the gateway itself; `public` names the row of a route that needs no caller."""

    service: str | None
    path: str
    public: str | None


def route(method: str, path: str) -> Route:
    """Where a request goes. Paths below /api/v1/ are the same with and without their last slash."""
    if not path.startswith("/api/v1/"):
        return Route(None, path, "gateway")
    slashed = path if path.endswith("/") else path + "/"
    asked = ROUTES.asked(method, slashed)
    public = asked.row if asked is not None and asked.permission == "public" else None
    for prefix, service, there in _TABLE:
        if slashed.startswith(prefix):
            return Route(service, slashed if there is None else there + slashed[len(prefix) :], public)
    return Route(None, slashed, public)


def is_public(method: str, path: str) -> bool:
    """Whether a route needs nobody. Whoever asks is anybody there: an Idempotency-Key of theirs counts for nothing."""
    return route(method, path).public is not None


def parse_upstreams(text: str) -> Mapping[str, str]:
    """`planner=http://…,writer=…` → base URLs without a last slash. Raises ValueError."""
    upstreams: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, found, url = part.partition("=")
        if not found or name not in UPSTREAMS or not url.startswith(("http://", "https://")):
            raise ValueError(f"IGNY8_UPSTREAMS: {part!r} is not one of {', '.join(UPSTREAMS)} and a URL")
        upstreams[name] = url.rstrip("/")
    return upstreams
