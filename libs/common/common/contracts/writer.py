"""What the writer says: tasks, content, images and what is ready to publish."""

from typing import Literal
from uuid import UUID

import msgspec

from common.contracts.base import Contract, contract
from common.contracts.operations import Charge, ObjectRef, Usage
from common.contracts.planner import ContentStructure, ContentType

TaskStatus = Literal["queued", "in_progress", "completed", "failed"]
ContentStatus = Literal["draft", "review", "published"]
ImageType = Literal["featured", "in_article", "desktop", "mobile"]
ImageStatus = Literal["pending", "generated", "failed"]
Taxonomy = Literal["category", "tag"]


class TaskItem(msgspec.Struct, frozen=True, kw_only=True):
    task_id: UUID
    title: str
    cluster_id: UUID
    idea_id: UUID | None
    content_type: ContentType
    content_structure: ContentStructure
    word_count: int
    status: TaskStatus = "queued"


@contract(by=("writer",), heard_by=("planner", "gateway"))
class TasksCreated(Contract, frozen=True, kw_only=True):
    site_id: UUID
    sector_id: UUID
    tasks: tuple[TaskItem, ...]
    run_id: UUID | None = None


@contract(by=("writer",), heard_by=("gateway",))
class TasksChanged(Contract, frozen=True, kw_only=True):
    site_id: UUID
    sector_id: UUID
    tasks: tuple[TaskItem, ...]


@contract(by=("writer",), heard_by=("gateway",))
class TasksArchived(Contract, frozen=True, kw_only=True):
    """Gone from the lists; can be restored."""

    task_ids: tuple[UUID, ...]


@contract(by=("writer",), heard_by=("gateway",))
class TasksRestored(Contract, frozen=True, kw_only=True):
    """Back in the lists as they were."""

    task_ids: tuple[UUID, ...]


@contract(by=("writer",), heard_by=("gateway",))
class TaskStarted(Contract, frozen=True, kw_only=True):
    """An operation writes its article: it is in progress."""

    task_id: UUID
    operation_id: UUID
    run_id: UUID | None = None


@contract(by=("writer",), heard_by=("gateway",))
class TaskCompleted(Contract, frozen=True, kw_only=True):
    task_id: UUID
    content_id: UUID


@contract(by=("writer",), heard_by=("planner", "gateway"))
class TaskFailed(Contract, frozen=True, kw_only=True):
    task_id: UUID
    operation_id: UUID
    error_code: str
    message: str
    run_id: UUID | None = None


@contract(by=("writer",), heard_by=("billing", "planner", "gateway", "publisher"))
class ContentGenerated(Contract, frozen=True, kw_only=True):
    """Outcome of `generate_content` for one task (`item_id` = task_id), a draft; `version` None was said before it had one."""

    operation_id: UUID
    item_id: UUID
    site_id: UUID
    sector_id: UUID
    task_id: UUID
    content_id: UUID
    title: str
    words: int
    usage: Usage
    charge: Charge
    run_id: UUID | None = None
    version: int | None = None


@contract(by=("writer",), heard_by=("publisher", "gateway"))
class ContentChanged(Contract, frozen=True, kw_only=True):
    content_id: UUID
    site_id: UUID
    sector_id: UUID
    version: int
    title: str
    status: ContentStatus
    words: int | None = None


@contract(by=("writer",), heard_by=("planner", "gateway"))
class ContentSubmittedForReview(Contract, frozen=True, kw_only=True):
    content_id: UUID
    version: int
    title: str
    run_id: UUID | None = None


@contract(by=("writer",), heard_by=("publisher", "gateway"))
class ContentApproved(Contract, frozen=True, kw_only=True):
    content_id: UUID
    version: int
    title: str
    user_id: UUID | None = None
    run_id: UUID | None = None


@contract(by=("writer",), heard_by=("planner", "publisher", "gateway"))
class ContentRejected(Contract, frozen=True, kw_only=True):
    content_id: UUID
    version: int
    title: str
    reason: str


@contract(by=("writer",), heard_by=("planner", "publisher", "gateway"))
class ContentArchived(Contract, frozen=True, kw_only=True):
    content_id: UUID


@contract(by=("writer",), heard_by=("publisher", "gateway"))
class ContentRestored(Contract, frozen=True, kw_only=True):
    """Back in the lists as it was, its approval too."""

    content_id: UUID


class ImageItem(msgspec.Struct, frozen=True, kw_only=True):
    image_id: UUID
    image_type: ImageType
    alt_text: str
    position: int


@contract(by=("writer",), heard_by=("billing", "planner", "gateway"))
class ImagePromptsGenerated(Contract, frozen=True, kw_only=True):
    """Outcome of `generate_image_prompts` for one content (`item_id` = content_id)."""

    operation_id: UUID
    item_id: UUID
    site_id: UUID
    sector_id: UUID
    content_id: UUID
    images: tuple[ImageItem, ...]
    usage: Usage
    charge: Charge
    run_id: UUID | None = None


@contract(by=("writer",), heard_by=("billing", "planner", "gateway"))
class ImagesGenerated(Contract, frozen=True, kw_only=True):
    """Outcome of `generate_images` for one image (`item_id` = image_id)."""

    operation_id: UUID
    item_id: UUID
    site_id: UUID
    sector_id: UUID
    content_id: UUID | None
    image_id: UUID
    image: ObjectRef
    usage: Usage
    charge: Charge
    run_id: UUID | None = None


@contract(by=("writer",), heard_by=("gateway",))
class ImageAdded(Contract, frozen=True, kw_only=True):
    """Described by hand; it is pending."""

    content_id: UUID
    site_id: UUID
    sector_id: UUID
    image: ImageItem


@contract(by=("writer",), heard_by=("gateway",))
class ImageChanged(Contract, frozen=True, kw_only=True):
    """Described otherwise, and its status now."""

    content_id: UUID
    image: ImageItem
    status: ImageStatus


@contract(by=("writer",), heard_by=("gateway",))
class ImageFailed(Contract, frozen=True, kw_only=True):
    """Could not be made; one that was made before stays generated."""

    content_id: UUID
    image_id: UUID
    operation_id: UUID
    error_code: str
    message: str
    run_id: UUID | None = None


@contract(by=("writer",), heard_by=("gateway",))
class ImagesArchived(Contract, frozen=True, kw_only=True):
    """Gone from the lists; can be restored."""

    content_id: UUID
    image_ids: tuple[UUID, ...]


@contract(by=("writer",), heard_by=("gateway",))
class ImagesRestored(Contract, frozen=True, kw_only=True):
    """Back in the lists as they were."""

    content_id: UUID
    image_ids: tuple[UUID, ...]


class TermItem(msgspec.Struct, frozen=True, kw_only=True):
    term_id: UUID
    taxonomy: Taxonomy
    name: str
    slug: str


class PublishImage(msgspec.Struct, frozen=True, kw_only=True):
    image_id: UUID
    image_type: ImageType
    position: int
    alt_text: str
    object: ObjectRef


@contract(by=("writer",), heard_by=("publisher",))
class ContentReadyToPublish(Contract, frozen=True, kw_only=True):
    """The only event that publishes. `version` is the approved one; the body is in the object store."""

    content_id: UUID
    version: int
    site_id: UUID
    sector_id: UUID
    content_type: ContentType
    title: str
    slug: str
    excerpt: str
    body: ObjectRef
    meta_title: str
    meta_description: str
    primary_keyword: str
    terms: tuple[TermItem, ...]
    images: tuple[PublishImage, ...]
    integration_id: UUID | None = None
    run_id: UUID | None = None


@contract(by=("writer",), heard_by=())
class TaxonomyTermsChanged(Contract, frozen=True, kw_only=True):
    site_id: UUID
    terms: tuple[TermItem, ...]
