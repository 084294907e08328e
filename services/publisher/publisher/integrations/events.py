"""What can happen to a site's integration, and what is then true."""

from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from common.contracts.gateway import SecretRef
from common.eventsourcing.event import Event

Platform = Literal["wordpress", "folder"]
Connection = Literal["untested", "connected", "failed"]


class IntegrationConfigured(Event, frozen=True, kw_only=True):
    """`secret` names the application password in the secret store; a folder needs none."""

    integration_id: UUID
    site_id: UUID
    platform: Platform
    url: str = ""
    username: str = ""
    secret: SecretRef | None = None


class SiteConnected(Event, frozen=True, kw_only=True):
    integration_id: UUID
    site_id: UUID
    platform: Platform
    title: str
    remote_version: str | None = None


class SiteConnectionFailed(Event, frozen=True, kw_only=True):
    integration_id: UUID
    site_id: UUID
    error_code: str
    message: str
    remedy: str


class PublishAsked(Event, frozen=True, kw_only=True):
    """Somebody wants an article to go out here; the writer answers if it is approved."""

    integration_id: UUID
    request_id: UUID
    content_id: UUID


IntegrationEvent = IntegrationConfigured | SiteConnected | SiteConnectionFailed | PublishAsked


@dataclass(frozen=True)
class NoIntegration:
    """Nobody has said where the site's articles go."""


@dataclass(frozen=True)
class Integration:
    integration_id: UUID
    site_id: UUID
    platform: Platform
    url: str
    username: str
    secret: SecretRef | None
    connection: Connection = "untested"
    report: tuple[str, ...] = ()
    last_request: UUID | None = None


IntegrationState = NoIntegration | Integration


def evolve(state: IntegrationState, event: IntegrationEvent) -> IntegrationState:
    if isinstance(event, IntegrationConfigured):
        return Integration(
            event.integration_id, event.site_id, event.platform, event.url, event.username, event.secret
        )
    if isinstance(state, NoIntegration):
        return state
    match event:
        case SiteConnected(title=title, remote_version=version):
            return replace(state, connection="connected", report=(title, version or ""))
        case SiteConnectionFailed(error_code=code, message=message, remedy=remedy):
            return replace(state, connection="failed", report=(code, message, remedy))
        case PublishAsked(request_id=request_id):
            return replace(state, last_request=request_id)
