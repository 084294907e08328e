"""The gateway put together."""

from typing import Any

from common.api.runtime import RuntimeOf
from common.erasure import jobs as erasure
from common.export import jobs as export
from common.export import reactions as export_asked
from common.export.decisions import EXPORT_PART
from common.jobs.worker import JobHandler
from common.messaging.reactions import Reactions
from common.model import ServiceModel
from common.replicas import limits
from common.service import Service
from common.supervision import Loop
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from gateway import documentation, openapi
from gateway.accounts import api as accounts_api
from gateway.accounts import reactions as accounts_reactions
from gateway.accounts import views as accounts_views
from gateway.accounts.decisions import ACCOUNT
from gateway.activity import api as activity_api
from gateway.activity import views as activity_views
from gateway.activity.everywhere import hear_news, hear_steps
from gateway.activity.reactions import notes, reactions
from gateway.ai_models import api as ai_models_api
from gateway.ai_models import views as ai_models_views
from gateway.ai_models.decisions import MODELS
from gateway.ai_models.shipped import ship_models
from gateway.ai_settings import api as ai_settings_api
from gateway.ai_settings import views as ai_settings_views
from gateway.ai_settings.decisions import AI_SETTINGS
from gateway.all_accounts import api as all_accounts_api
from gateway.api_keys import api as api_keys_api
from gateway.api_keys import views as api_keys_views
from gateway.api_keys.decisions import API_KEY
from gateway.audit import api as audit_api
from gateway.authors import api as authors_api
from gateway.authors import views as authors_views
from gateway.authors.decisions import AUTHORS
from gateway.edge.acting import Acting
from gateway.edge.app import Edge
from gateway.edge.callers import Callers
from gateway.edge.forwarder import Forwarder
from gateway.edge.headers import EXPOSED
from gateway.edge.limits import Limits, parse_limits
from gateway.edge.routes import parse_upstreams
from gateway.erasure import api as erasure_api
from gateway.erasure.jobs import erase_secrets
from gateway.exports import api as exports_api
from gateway.exports import jobs as exports_jobs
from gateway.exports import reactions as exports_reactions
from gateway.exports import views as exports_views
from gateway.exports.decisions import EXPORT
from gateway.exports.shown import EXPORTED
from gateway.industries import api as industries_api
from gateway.industries import views as industries_views
from gateway.industries.decisions import INDUSTRIES
from gateway.invitations import api as invitations_api
from gateway.invitations import jobs as invitations_jobs
from gateway.invitations import views as invitations_views
from gateway.invitations.decisions import INVITATION
from gateway.members import api as members_api
from gateway.modules import api as modules_api
from gateway.notifications import api as notifications_api
from gateway.notifications import jobs as notifications_jobs
from gateway.notifications import views as notifications_views
from gateway.notifications.decisions import NOTICES
from gateway.notifications.reactions import notices
from gateway.overview import api as overview_api
from gateway.overview import views as overview_views
from gateway.overview.decisions import OVERVIEW
from gateway.overview.reactions import seen
from gateway.parts import PartsOf, make_parts
from gateway.plan_limits import api as plan_limits_api
from gateway.prompts import api as prompts_api
from gateway.prompts import views as prompts_views
from gateway.prompts.decisions import PROMPTS
from gateway.publish import publish
from gateway.seed_keywords import api as seed_keywords_api
from gateway.seed_keywords import views as seed_keywords_views
from gateway.seed_keywords.decisions import SEED_KEYWORDS
from gateway.staff import views as staff_views
from gateway.staff.decisions import STAFF
from gateway.strategies import api as strategies_api
from gateway.strategies import views as strategies_views
from gateway.strategies.decisions import STRATEGIES
from gateway.tracking import api as tracking_api
from gateway.users import api as users_api
from gateway.users import jobs as users_jobs
from gateway.users import views as users_views
from gateway.users.decisions import USER
from gateway.windows import Windows

MODEL = ServiceModel(
    "gateway",
    deciders=(
        ACCOUNT,
        USER,
        INVITATION,
        API_KEY,
        STAFF,
        PROMPTS,
        AUTHORS,
        STRATEGIES,
        AI_SETTINGS,
        MODELS,
        INDUSTRIES,
        SEED_KEYWORDS,
        NOTICES,
        OVERVIEW,
        EXPORT,
        EXPORT_PART,
    ),
    publish=publish,
    projections=(
        accounts_views.PROJECTION,
        users_views.PROJECTION,
        invitations_views.PROJECTION,
        api_keys_views.PROJECTION,
        staff_views.PROJECTION,
        prompts_views.PROJECTION,
        authors_views.PROJECTION,
        strategies_views.PROJECTION,
        ai_settings_views.PROJECTION,
        ai_models_views.PROJECTION,
        industries_views.PROJECTION,
        seed_keywords_views.PROJECTION,
        notifications_views.PROJECTION,
        overview_views.PROJECTION,
        exports_views.PROJECTION,
    ),
    replicas=(*activity_views.REPLICAS, *notifications_views.REPLICAS, *limits.TABLES),
)


def _parts(runtime: RuntimeOf) -> PartsOf:
    parts: PartsOf = runtime.extras["gateway"]
    return parts


def wrap(own: ASGIApp, runtime: RuntimeOf) -> ASGIApp:
    """Make the gateway's parts and put the edge around its own routes."""
    runtime.extras["gateway"] = parts = make_parts(runtime)
    runtime.extras["schemas"] = openapi.Schemas(runtime.settings.upstreams)
    callers = Callers(parts.access_verifier, runtime.database, runtime.clock)
    settings = runtime.settings
    forwarder = Forwarder(parse_upstreams(settings.upstreams))
    limits = Limits(parse_limits(settings.rate_limits), Windows(settings.rate_limit_store))
    edge = Edge(
        own,
        callers,
        parts.identity,
        forwarder,
        parts.key_callers,
        Acting(runtime.database, runtime.clock),
        parts.audit,
        limits,
        runtime.database,
        parts.live,
    )
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


_EXPORTS = (export_asked.reactions, exports_reactions.reactions)


def _hears(runtime: RuntimeOf) -> Reactions:
    return reactions(_parts(runtime).live).include(
        [notices, seen, limits.reactions, accounts_reactions.reactions, *_EXPORTS]
    )


_ROUTERS: tuple[Any, ...] = (
    users_api.router,
    invitations_api.accept_router,
    accounts_api.router,
    erasure_api.router,
    exports_api.router,
    api_keys_api.router,
    audit_api.router,
    members_api.router,
    invitations_api.router,
    modules_api.router,
    plan_limits_api.router,
    activity_api.router,
    notifications_api.router,
    overview_api.router,
    tracking_api.router,
    prompts_api.router,
    authors_api.router,
    strategies_api.router,
    ai_settings_api.router,
    ai_settings_api.platform_router,
    ai_models_api.router,
    ai_models_api.staff_router,
    industries_api.router,
    industries_api.staff_router,
    all_accounts_api.router,
    seed_keywords_api.router,
    seed_keywords_api.staff_router,
    openapi.router,
    documentation.router,
)


def _loops(runtime: RuntimeOf) -> tuple[Loop, ...]:
    parts = _parts(runtime)
    return (
        Loop("api_key_uses", parts.key_callers.write_uses_for_ever),
        Loop("live_news", lambda loop: hear_news(runtime.settings.service_database, parts.live, loop)),
        Loop("live_steps", lambda loop: hear_steps(runtime, parts.live, loop)),
    )


def _jobs(runtime: RuntimeOf) -> tuple[JobHandler, ...]:
    mailer = _parts(runtime).mailer
    return (
        users_jobs.handler(runtime, mailer),
        invitations_jobs.handler(runtime, mailer),
        notifications_jobs.handler(runtime, mailer),
        erasure.handler(runtime, erase_secrets(runtime)),
        export.handler(runtime, EXPORTED),
        exports_jobs.handler(runtime),
    )


async def _on_start(runtime: RuntimeOf) -> None:
    await ship_models(runtime.database)


SERVICE = Service(
    name="gateway",
    model=MODEL,
    reactions=Reactions().include(
        [notes, notices, seen, limits.reactions, accounts_reactions.reactions, *_EXPORTS]
    ),
    routers=_ROUTERS,
    jobs=_jobs,
    wrap=wrap,
    hears=_hears,
    loops=_loops,
    on_start=_on_start,
    websockets=True,
)
