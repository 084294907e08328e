"""What the publisher says: connections and publications."""

from uuid import UUID

from common.contracts.base import Contract, contract


@contract(by=("publisher",), heard_by=("gateway",))
class SiteConnected(Contract):
    site_id: UUID
    integration_id: UUID
    platform: str


@contract(by=("publisher",), heard_by=("gateway",))
class SiteConnectionFailed(Contract):
    site_id: UUID
    integration_id: UUID
    error_code: str
    message: str


@contract(by=("publisher",), heard_by=("writer",))
class PublishRequested(Contract):
    """Somebody asked for it at the integration; the writer answers with `ContentReadyToPublish` if it is approved."""

    content_id: UUID
    integration_id: UUID


@contract(by=("publisher",), heard_by=("writer", "planner", "gateway"))
class ContentPublished(Contract):
    content_id: UUID
    version: int
    site_id: UUID
    external_id: str
    external_url: str
    run_id: UUID | None = None


@contract(by=("publisher",), heard_by=("writer", "planner", "gateway"))
class ContentUnpublished(Contract):
    content_id: UUID
    version: int
    site_id: UUID


@contract(by=("publisher",), heard_by=("writer", "planner", "gateway"))
class PublishFailed(Contract):
    content_id: UUID
    version: int
    site_id: UUID
    error_code: str
    message: str
    run_id: UUID | None = None
