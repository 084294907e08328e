"""The gateway put together."""

from typing import Any

from common.api.runtime import RuntimeOf
from common.messaging.reactions import Reactions
from common.model import ServiceModel
from common.service import Service
from starlette.types import ASGIApp

from gateway import documentation, openapi
from gateway.accounts import api as accounts_api
from gateway.accounts import views as accounts_views
from gateway.accounts.decisions import ACCOUNT
from gateway.activity import api as activity_api
from gateway.activity import views as activity_views
from gateway.activity.reactions import notes, reactions
from gateway.ai_models import api as ai_models_api
from gateway.ai_models import views as ai_models_views
from gateway.ai_models.decisions import MODELS
from gateway.ai_models.shipped import ship_models
from gateway.ai_settings import api as ai_settings_api
from gateway.ai_settings import views as ai_settings_views
from gateway.ai_settings.decisions import AI_SETTINGS
from gateway.authors import api as authors_api
from gateway.authors import views as authors_views
from gateway.authors.decisions import AUTHORS
from gateway.edge.app import Edge
from gateway.edge.callers import Callers
from gateway.edge.forwarder import Forwarder
from gateway.edge.routes import parse_upstreams
from gateway.parts import PartsOf, make_parts
from gateway.prompts import api as prompts_api
from gateway.prompts import views as prompts_views
from gateway.prompts.decisions import PROMPTS
from gateway.publish import publish
from gateway.strategies import api as strategies_api
from gateway.strategies import views as strategies_views
from gateway.strategies.decisions import STRATEGIES
from gateway.users import api as users_api
from gateway.users import views as users_views
from gateway.users.decisions import USER

MODEL = ServiceModel(
    "gateway",
    deciders=(ACCOUNT, USER, PROMPTS, AUTHORS, STRATEGIES, AI_SETTINGS, MODELS),
    publish=publish,
    projections=(
        accounts_views.PROJECTION,
        users_views.PROJECTION,
        prompts_views.PROJECTION,
        authors_views.PROJECTION,
        strategies_views.PROJECTION,
        ai_settings_views.PROJECTION,
        ai_models_views.PROJECTION,
    ),
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
    forwarder = Forwarder(parse_upstreams(runtime.settings.upstreams))
    return Edge(own, callers, parts.identity, forwarder)


def _hears(runtime: RuntimeOf) -> Reactions:
    return reactions(_parts(runtime).live)


_ROUTERS: tuple[Any, ...] = (
    users_api.router,
    accounts_api.router,
    activity_api.router,
    prompts_api.router,
    authors_api.router,
    strategies_api.router,
    ai_settings_api.router,
    ai_settings_api.platform_router,
    ai_models_api.router,
    ai_models_api.staff_router,
    openapi.router,
    documentation.router,
)


async def _on_start(runtime: RuntimeOf) -> None:
    await ship_models(runtime.database)


SERVICE = Service(
    name="gateway",
    model=MODEL,
    reactions=notes,
    routers=_ROUTERS,
    wrap=wrap,
    hears=_hears,
    on_start=_on_start,
)
