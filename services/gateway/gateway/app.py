"""The gateway put together."""

from typing import Any

from common.api.runtime import RuntimeOf
from common.messaging.reactions import Reactions
from common.model import ServiceModel
from common.service import Service
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from gateway import documentation, openapi
from gateway.accounts import api as accounts_api
from gateway.accounts import views as accounts_views
from gateway.accounts.decisions import ACCOUNT
from gateway.activity import api as activity_api
from gateway.activity import views as activity_views
from gateway.activity.reactions import notes, reactions
from gateway.edge.app import Edge
from gateway.edge.callers import Callers
from gateway.edge.forwarder import Forwarder
from gateway.edge.headers import EXPOSED
from gateway.edge.limits import Limits, parse_limits
from gateway.edge.routes import parse_upstreams
from gateway.parts import PartsOf, make_parts
from gateway.publish import publish
from gateway.tracking import api as tracking_api
from gateway.users import api as users_api
from gateway.users import views as users_views
from gateway.users.decisions import USER
from gateway.windows import Windows

MODEL = ServiceModel(
    "gateway",
    deciders=(ACCOUNT, USER),
    publish=publish,
    projections=(accounts_views.PROJECTION, users_views.PROJECTION),
    replicas=activity_views.REPLICAS,
)


def _parts(runtime: RuntimeOf) -> PartsOf:
    parts: PartsOf = runtime.extras["gateway"]
    return parts


def wrap(own: ASGIApp, runtime: RuntimeOf) -> ASGIApp:
    """Make the gateway's parts and put the edge around its own routes."""
    runtime.extras["gateway"] = parts = make_parts(runtime)
    runtime.extras["schemas"] = openapi.Schemas(runtime.settings.upstreams)
    runtime.heard.append(parts.live.committed)
    callers = Callers(parts.access_verifier, runtime.database, runtime.clock)
    settings = runtime.settings
    forwarder = Forwarder(parse_upstreams(settings.upstreams))
    limits = Limits(parse_limits(settings.rate_limits), Windows(settings.rate_limit_store))
    edge = Edge(own, callers, parts.identity, forwarder, limits, runtime.database)
    if not settings.cors_origins:
        return edge
    return CORSMiddleware(
        edge,
        allow_origins=settings.cors_origins,
        allow_credentials=True,
        allow_methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
        allow_headers=("*",),  # the browser names what the page sends; none of ours is dangerous
        expose_headers=EXPOSED,
        max_age=600,
    )


def _hears(runtime: RuntimeOf) -> Reactions:
    return reactions(_parts(runtime).live)


_ROUTERS: tuple[Any, ...] = (
    users_api.router,
    accounts_api.router,
    activity_api.router,
    tracking_api.router,
    openapi.router,
    documentation.router,
)

SERVICE = Service(name="gateway", model=MODEL, reactions=notes, routers=_ROUTERS, wrap=wrap, hears=_hears)
