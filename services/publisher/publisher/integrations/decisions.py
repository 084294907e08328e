"""What may be decided about a site's integration. A site has one; its id is made of the site's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from common.contracts.gateway import SecretRef
from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes
from common.ids import stable_id

from publisher.integrations.events import (
    Integration,
    IntegrationConfigured,
    IntegrationEvent,
    IntegrationState,
    NoIntegration,
    PublishAsked,
    SiteConnected,
    SiteConnectionFailed,
    evolve,
)


class IntegrationNotFound(DomainError):
    """The site has no integration."""

    code = "NOT_FOUND"
    status = 404


@dataclass(frozen=True)
class UseFolder:
    """A new site publishes into a folder until something else is configured."""

    site_id: UUID


@dataclass(frozen=True)
class UseWordPress:
    site_id: UUID
    url: str
    username: str
    secret: SecretRef


@dataclass(frozen=True)
class RecordConnected:
    title: str
    remote_version: str | None = None


@dataclass(frozen=True)
class RecordConnectionFailed:
    error_code: str
    message: str
    remedy: str


@dataclass(frozen=True)
class AskToPublish:
    request_id: UUID
    content_id: UUID


IntegrationCommand = UseFolder | UseWordPress | RecordConnected | RecordConnectionFailed | AskToPublish


def integration_id_of(site_id: UUID) -> UUID:
    """The one integration of a site."""
    return stable_id("integration", site_id)


def decide(command: IntegrationCommand, state: IntegrationState) -> Sequence[IntegrationEvent]:
    match command:
        case UseFolder(site_id):
            if not isinstance(state, NoIntegration):
                return []
            id = integration_id_of(site_id)
            return [IntegrationConfigured(integration_id=id, site_id=site_id, platform="folder")]
        case UseWordPress():
            return _use_wordpress(command, state)
    if isinstance(state, NoIntegration):
        raise IntegrationNotFound("This integration does not exist or is not yours.")
    match command:
        case RecordConnected(title, version):
            if state.connection == "connected" and state.report == (title, version or ""):
                return []
            return [
                SiteConnected(
                    integration_id=state.integration_id,
                    site_id=state.site_id,
                    platform=state.platform,
                    title=title,
                    remote_version=version,
                )
            ]
        case RecordConnectionFailed(code, message, remedy):
            if state.connection == "failed" and state.report == (code, message, remedy):
                return []
            return [
                SiteConnectionFailed(
                    integration_id=state.integration_id,
                    site_id=state.site_id,
                    error_code=code,
                    message=message,
                    remedy=remedy,
                )
            ]
        case AskToPublish(request_id, content_id):
            if state.last_request == request_id:
                return []
            return [
                PublishAsked(
                    integration_id=state.integration_id, request_id=request_id, content_id=content_id
                )
            ]
    assert_never(command)


def _use_wordpress(command: UseWordPress, state: IntegrationState) -> Sequence[IntegrationEvent]:
    wanted = ("wordpress", command.url, command.username, command.secret)
    if isinstance(state, Integration) and wanted == (state.platform, state.url, state.username, state.secret):
        return []
    return [
        IntegrationConfigured(
            integration_id=integration_id_of(command.site_id),
            site_id=command.site_id,
            platform="wordpress",
            url=command.url,
            username=command.username,
            secret=command.secret,
        )
    ]


INTEGRATION: Decider[IntegrationState, IntegrationCommand] = Decider(
    category="integration",
    initial=NoIntegration(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((IntegrationConfigured, SiteConnected, SiteConnectionFailed, PublishAsked)),
)
