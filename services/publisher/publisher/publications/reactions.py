"""What publications hear: the one event that publishes."""

from common.contracts.writer import ContentReadyToPublish
from common.database import Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions

from publisher.integrations.decisions import INTEGRATION, integration_id_of
from publisher.publications.decisions import PUBLICATION, RequestPublication
from publisher.publications.events import Order, Publication, PublicationState
from publisher.publications.jobs import ask
from publisher.targets import name_of

reactions = Reactions()


@reactions.on(ContentReadyToPublish)
async def ready_to_publish(event: Heard[ContentReadyToPublish], tx: Transaction) -> None:
    before, _ = await tx.load(PUBLICATION, event.data.content_id)
    integration, _ = await tx.load(INTEGRATION, integration_id_of(event.data.site_id))
    command = RequestPublication(event.event_id, _order(event.data), name_of(integration))
    after = (await tx.handle(PUBLICATION, event.data.content_id, command)).state
    # A job that is under way takes up the newer order by itself.
    if _is_open(after) and not _is_open(before):
        assert isinstance(after, Publication)
        await ask(tx, after)


def _is_open(state: PublicationState) -> bool:
    return isinstance(state, Publication) and state.status == "requested"


def _order(ready: ContentReadyToPublish) -> Order:
    return Order(
        content_id=ready.content_id,
        version=ready.version,
        site_id=ready.site_id,
        title=ready.title,
        slug=ready.slug,
        excerpt=ready.excerpt,
        body=ready.body,
        meta_title=ready.meta_title,
        meta_description=ready.meta_description,
        primary_keyword=ready.primary_keyword,
        terms=ready.terms,
        images=ready.images,
        run_id=ready.run_id,
    )
