"""The planner, put together."""

from common.ai.operations import steps as operations
from common.erasure import jobs as erasure
from common.erasure.reactions import reactions as erasures
from common.export import jobs as export
from common.export.reactions import reactions as exports
from common.messaging.reactions import Reactions
from common.replicas import accounts, balances, limits, models, prices, settings
from common.service import Service

from planner.automation import api as automation_api
from planner.automation import reactions as automation
from planner.automation.steps import STEPS
from planner.clusters import api as clusters_api
from planner.ideas import api as ideas_api
from planner.ideas import reactions as ideas
from planner.imports import api as imports_api
from planner.imports import jobs as imports
from planner.keywords import api as keywords_api
from planner.model import MODEL

SERVICE = Service(
    name="planner",
    model=MODEL,
    reactions=Reactions().include(
        [
            accounts.reactions,
            erasures,
            exports,
            balances.reactions,
            prices.reactions,
            settings.reactions,
            models.reactions,
            limits.reactions,
            operations.reactions(STEPS),
            ideas.reactions,
            automation.reactions,
        ]
    ),
    # The import's path lies below the keywords' and must be found before `{keyword_id}/`.
    routers=(
        imports_api.router,
        keywords_api.router,
        clusters_api.router,
        ideas_api.router,
        automation_api.router,
    ),
    jobs=lambda runtime: (
        *operations.handlers(STEPS, runtime),
        imports.handler(runtime),
        erasure.handler(runtime),
        export.handler(runtime, export.all_of(MODEL)),
    ),
)
