"""What the publisher says: connections and publications."""

from uuid import UUID

from common.contracts.base import Contract, contract


@contract(by=("publisher",), heard_by=())
class SiteConnected(Contract, frozen=True, kw_only=True):
    site_id: UUID
    integration_id: UUID
    platform: str


@contract(by=("publisher",), heard_by=())
class SiteConnectionFailed(Contract, frozen=True, kw_only=True):
    site_id: UUID
    integration_id: UUID
    error_code: str
    message: str


@contract(by=("publisher",), heard_by=("writer",))
class PublishRequested(Contract, frozen=True, kw_only=True):
    """Somebody asked for it at the integration; the writer answers with `ContentReadyToPublish` if it is approved."""

    content_id: UUID
    integration_id: UUID


@contract(by=("publisher",), heard_by=("writer", "planner", "gateway"))
class ContentPublished(Contract, frozen=True, kw_only=True):
    content_id: UUID
    version: int
    site_id: UUID
    external_id: str
    external_url: str
    run_id: UUID | None = None


@contract(by=("publisher",), heard_by=("writer", "gateway"))
class ContentUnpublished(Contract, frozen=True, kw_only=True):
    content_id: UUID
    version: int
    site_id: UUID


@contract(by=("publisher",), heard_by=("writer", "planner", "gateway"))
class PublishFailed(Contract, frozen=True, kw_only=True):
    content_id: UUID
    version: int
    site_id: UUID
    error_code: str
    message: str
    run_id: UUID | None = None
