"""What content hears from the publisher."""

from common.contracts.publisher import ContentPublished, ContentUnpublished, PublishFailed, PublishRequested
from common.database import Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions

from writer.content.decisions import CONTENT, RecordPublished, RecordPublishFailed, RecordUnpublished
from writer.content.events import Content
from writer.content.jobs import release

reactions = Reactions()


@reactions.on(PublishRequested)
async def publish_requested(event: Heard[PublishRequested], tx: Transaction) -> None:
    """Only approved content is handed over; for other content the request asks in vain."""
    content, _ = await tx.load(CONTENT, event.data.content_id)
    if isinstance(content, Content) and content.is_approved and not content.archived:
        await release(tx, event.data.content_id, event.event_id, integration_id=event.data.integration_id)


@reactions.on(ContentPublished)
async def published(event: Heard[ContentPublished], tx: Transaction) -> None:
    fact = event.data
    await tx.handle(
        CONTENT,
        fact.content_id,
        RecordPublished(fact.version, fact.external_id, fact.external_url, event.version),
    )


@reactions.on(PublishFailed)
async def publish_failed(event: Heard[PublishFailed], tx: Transaction) -> None:
    fact = event.data
    await tx.handle(
        CONTENT,
        fact.content_id,
        RecordPublishFailed(fact.version, fact.error_code, fact.message, event.version),
    )


@reactions.on(ContentUnpublished)
async def unpublished(event: Heard[ContentUnpublished], tx: Transaction) -> None:
    await tx.handle(CONTENT, event.data.content_id, RecordUnpublished(event.data.version, event.version))
