"""The planner without its edges."""

from common.ai.operations import views as operations
from common.ai.operations.decisions import OPERATION
from common.export.decisions import EXPORT_PART
from common.model import ServiceModel
from common.replicas import limits, settings
from common.replicas.accounts import replica_accounts, replica_sectors, replica_sites
from common.replicas.balances import replica_balances
from common.replicas.models import replica_ai_models
from common.replicas.prices import replica_rate_cards

from planner.automation import views as automation
from planner.automation.process import RUN
from planner.clusters import views as clusters
from planner.clusters.decisions import CLUSTERS
from planner.ideas import views as ideas
from planner.ideas.decisions import IDEAS
from planner.imports import views as imports
from planner.imports.decisions import IMPORT
from planner.keywords import views as keywords
from planner.keywords.decisions import KEYWORDS
from planner.publish import publish

MODEL = ServiceModel(
    "planner",
    deciders=(KEYWORDS, IMPORT, CLUSTERS, IDEAS, RUN, OPERATION, EXPORT_PART),
    publish=publish,
    projections=(
        keywords.PROJECTION,
        imports.PROJECTION,
        clusters.PROJECTION,
        ideas.PROJECTION,
        automation.PROJECTION,
        operations.PROJECTION,
    ),
    replicas=(
        replica_accounts,
        replica_sites,
        replica_sectors,
        replica_balances,
        replica_rate_cards,
        replica_ai_models,
        *limits.TABLES,
        *settings.TABLES,
        ideas.replica_tasks,
    ),
)
