"""The publisher, put together."""

from common.api.runtime import RuntimeOf
from common.erasure import jobs as erasure
from common.erasure.reactions import reactions as erasures
from common.export import jobs as export
from common.export.decisions import EXPORT_PART
from common.export.reactions import reactions as exports
from common.jobs.worker import JobHandler
from common.messaging.reactions import Reactions
from common.model import ServiceModel
from common.replicas import accounts
from common.replicas.accounts import replica_accounts, replica_sectors, replica_sites
from common.service import Service

from publisher.content import replica as content
from publisher.integrations import api as integrations_api
from publisher.integrations import reactions as integrations_reactions
from publisher.integrations import views as integrations_views
from publisher.integrations.decisions import INTEGRATION
from publisher.publications import api as publications_api
from publisher.publications import jobs as publications_jobs
from publisher.publications import reactions as publications_reactions
from publisher.publications import views as publications_views
from publisher.publications.decisions import PUBLICATION
from publisher.publish import publish
from publisher.targets import opener, remove_pages

MODEL = ServiceModel(
    "publisher",
    deciders=(INTEGRATION, PUBLICATION, EXPORT_PART),
    publish=publish,
    projections=(integrations_views.PROJECTION, publications_views.PROJECTION),
    replicas=(replica_accounts, replica_sites, replica_sectors, content.replica_content),
)


def jobs(runtime: RuntimeOf) -> tuple[JobHandler, ...]:
    parts = (runtime.database, runtime.objects, opener(runtime), runtime.clock.now)
    return (
        publications_jobs.handler(*parts),
        erasure.handler(runtime, remove_pages(runtime)),
        export.handler(runtime, export.all_of(MODEL)),
    )


SERVICE = Service(
    name="publisher",
    model=MODEL,
    reactions=Reactions().include(
        [
            accounts.reactions,
            erasures,
            exports,
            content.reactions,
            integrations_reactions.reactions,
            publications_reactions.reactions,
        ]
    ),
    routers=(publications_api.router, integrations_api.router),
    jobs=jobs,
)
