"""The writer, put together."""

from collections.abc import Mapping

from common.ai.operations import steps as operations
from common.ai.operations import views as operation_views
from common.ai.operations.decisions import OPERATION
from common.ai.operations.steps import PaidStep
from common.api.runtime import RuntimeOf
from common.contracts.operations import Function
from common.erasure import jobs as erasure
from common.erasure.reactions import reactions as erasures
from common.export import jobs as export
from common.export.decisions import EXPORT_PART
from common.export.reactions import reactions as exports
from common.jobs.worker import JobHandler
from common.messaging.reactions import Reactions
from common.model import ServiceModel
from common.objects import ObjectStore
from common.replicas import accounts, balances, limits, models, prices, settings
from common.replicas.accounts import replica_accounts, replica_sectors, replica_sites
from common.replicas.balances import replica_balances
from common.replicas.models import replica_ai_models
from common.replicas.prices import replica_rate_cards
from common.service import Service

from writer.charges import image_model
from writer.clusters import replica as clusters
from writer.content import api as content_api
from writer.content import jobs as content_jobs
from writer.content import reactions as content_reactions
from writer.content import views as content_views
from writer.content.decisions import CONTENT
from writer.images import api as images_api
from writer.images import views as images_views
from writer.images.decisions import GALLERY
from writer.images.jobs import GenerateImagePrompts, GenerateImages
from writer.pipeline import reactions as pipeline
from writer.pipeline.cancelled import replica_cancelled_runs
from writer.publish import publish
from writer.tasks import api as tasks_api
from writer.tasks import reactions as tasks_reactions
from writer.tasks import views as tasks_views
from writer.tasks.decisions import TASK
from writer.tasks.jobs import GenerateContent
from writer.taxonomies import api as taxonomies_api
from writer.taxonomies import views as taxonomies_views
from writer.taxonomies.decisions import TERM


def steps(objects: ObjectStore | None = None) -> Mapping[Function, PaidStep]:
    """How the writer does its functions; reactions need no object store, jobs do."""
    return {
        "generate_content": GenerateContent(objects),
        "generate_image_prompts": GenerateImagePrompts(),
        "generate_images": GenerateImages(),
    }


def reactions(model: str) -> Reactions:
    """All that the writer hears; `model` is the one that will make images."""
    return Reactions().include(
        [
            accounts.reactions,
            erasures,
            exports,
            balances.reactions,
            prices.reactions,
            settings.reactions,
            models.reactions,
            limits.reactions,
            clusters.reactions,
            tasks_reactions.reactions,
            content_reactions.reactions,
            operations.reactions(steps()),
            pipeline.reactions(steps(), model),
        ]
    )


MODEL = ServiceModel(
    "writer",
    deciders=(TASK, CONTENT, GALLERY, TERM, OPERATION, EXPORT_PART),
    publish=publish,
    projections=(
        tasks_views.PROJECTION,
        content_views.PROJECTION,
        images_views.PROJECTION,
        taxonomies_views.PROJECTION,
        operation_views.PROJECTION,
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
        clusters.replica_clusters,
        replica_cancelled_runs,
    ),
)


def jobs(runtime: RuntimeOf) -> tuple[JobHandler, ...]:
    return (
        *operations.handlers(steps(runtime.objects), runtime),
        content_jobs.handler(runtime),
        erasure.handler(runtime),
        export.handler(runtime, export.all_of(MODEL)),
    )


SERVICE = Service(
    name="writer",
    model=MODEL,
    reactions=reactions("local"),
    hears=lambda runtime: reactions(image_model(runtime.settings)),
    routers=(
        tasks_api.router,
        content_api.router,
        images_api.router,
        images_api.prompts_router,
        taxonomies_api.router,
    ),
    jobs=jobs,
)
