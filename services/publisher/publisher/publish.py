"""Which facts of the publisher are said in public, and how."""

from common.contracts import Contract
from common.contracts import publisher as public
from common.eventsourcing.event import Event, Recorded
from common.export.publish import publish_part

from publisher.integrations import events as integrations
from publisher.publications import events as publications


def publish(fact: Recorded[Event]) -> Contract | None:
    """The contract of a fact; None for what stays inside."""
    match fact.event:
        case integrations.SiteConnected() as event:
            return public.SiteConnected(
                site_id=event.site_id, integration_id=event.integration_id, platform=event.platform
            )
        case integrations.SiteConnectionFailed() as event:
            return public.SiteConnectionFailed(
                site_id=event.site_id,
                integration_id=event.integration_id,
                error_code=event.error_code,
                message=f"{event.message} {event.remedy}".strip(),
            )
        case integrations.PublishAsked() as event:
            return public.PublishRequested(content_id=event.content_id, integration_id=event.integration_id)
        case publications.PostPublished() | publications.PublicationConfirmed() as event:
            return public.ContentPublished(
                content_id=event.content_id,
                version=event.version,
                site_id=event.site_id,
                external_id=event.external_id,
                external_url=event.external_url,
                run_id=event.run_id,
            )
        case publications.PublicationFailed() as event:
            return public.PublishFailed(
                content_id=event.content_id,
                version=event.version,
                site_id=event.site_id,
                error_code=event.error_code,
                message=f"{event.message} {event.remedy}".strip(),
                run_id=event.run_id,
            )
        case publications.PostUnpublished() as event:
            return public.ContentUnpublished(
                content_id=event.content_id, version=event.version, site_id=event.site_id
            )
        case event:
            return publish_part(event)
