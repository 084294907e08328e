"""What can happen to the pictures of one article (its gallery), and what is then true."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

import msgspec
from common.contracts.operations import Charge, ObjectRef, Usage
from common.contracts.writer import ImageStatus, ImageType
from common.eventsourcing.event import Event


class ImageDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A picture described; `position` counts the pictures of a type from 0."""

    image_id: UUID
    image_type: ImageType
    prompt: str
    alt_text: str
    position: int


class ImagePromptsWritten(Event, frozen=True, kw_only=True):
    """The outcome of `generate_image_prompts`; takes the place of what was described before and never made, which facts of
    their own archive first (before those there were, this alone did)."""

    content_id: UUID
    site_id: UUID
    sector_id: UUID
    title: str
    images: tuple[ImageDraft, ...]
    operation_id: UUID
    usage: Usage
    charge: Charge
    run_id: UUID | None = None


class ImageAdded(Event, frozen=True, kw_only=True):
    """Described by hand."""

    content_id: UUID
    site_id: UUID
    sector_id: UUID
    title: str
    image: ImageDraft


class ImageChanged(Event, frozen=True, kw_only=True):
    """Another description makes it `pending` again."""

    image: ImageDraft
    status: ImageStatus


class ImagesAwaited(Event, frozen=True, kw_only=True):
    """A run makes these; its article goes to review when the last one is there."""

    run_id: UUID
    image_ids: tuple[UUID, ...]


class ImageGenerated(Event, frozen=True, kw_only=True):
    """The outcome of `generate_images` for one picture."""

    content_id: UUID
    site_id: UUID
    sector_id: UUID
    image_id: UUID
    object: ObjectRef
    operation_id: UUID
    usage: Usage
    charge: Charge
    run_id: UUID | None = None


class ImageFailed(Event, frozen=True, kw_only=True):
    """What was made before stays."""

    image_id: UUID
    operation_id: UUID
    error_code: str
    message: str
    run_id: UUID | None = None


class ImageArchived(Event, frozen=True, kw_only=True):
    image_id: UUID


class ImageRestored(Event, frozen=True, kw_only=True):
    image_id: UUID


GalleryEvent = (
    ImagePromptsWritten
    | ImageAdded
    | ImageChanged
    | ImagesAwaited
    | ImageGenerated
    | ImageFailed
    | ImageArchived
    | ImageRestored
)


@dataclass(frozen=True)
class Image:
    draft: ImageDraft
    status: ImageStatus = "pending"
    object: ObjectRef | None = None
    operation_id: UUID | None = None
    archived: bool = False


@dataclass(frozen=True)
class NoGallery:
    """The article has no pictures, not even described ones."""


@dataclass(frozen=True)
class Gallery:
    """`prompted` are the operations that described pictures; `awaited` what each run still waits for."""

    content_id: UUID
    site_id: UUID
    sector_id: UUID
    title: str
    images: Mapping[UUID, Image]
    prompted: frozenset[UUID] = field(default_factory=frozenset)
    awaited: Mapping[UUID, frozenset[UUID]] = field(default_factory=dict)

    def waits_for(self, run_id: UUID | None) -> bool:
        """Whether that run still makes pictures for this article."""
        return run_id is not None and bool(self.awaited.get(run_id))


GalleryState = NoGallery | Gallery


def evolve(state: GalleryState, event: GalleryEvent) -> GalleryState:
    match event:
        case ImagePromptsWritten(images=drafts, operation_id=operation_id):
            gallery = _opened(state, event)
            kept = {
                id: replace(image, archived=image.archived or image.status != "generated")
                for id, image in gallery.images.items()
            }
            new = {draft.image_id: Image(draft) for draft in drafts}
            return replace(gallery, images=kept | new, prompted=gallery.prompted | {operation_id})
        case ImageAdded(image=draft):
            gallery = _opened(state, event)
            return replace(gallery, images={**gallery.images, draft.image_id: Image(draft)})
    if isinstance(state, NoGallery):
        return state
    match event:
        case ImageChanged(image=draft, status=status):
            return _changed(state, draft.image_id, draft=draft, status=status)
        case ImagesAwaited(run_id=run_id, image_ids=ids):
            waiting = state.awaited.get(run_id, frozenset()) | frozenset(ids)
            return replace(state, awaited={**state.awaited, run_id: waiting})
        case ImageGenerated(image_id=id, object=object, operation_id=operation_id, run_id=run_id):
            made = _changed(state, id, status="generated", object=object, operation_id=operation_id)
            return _arrived(made, id, run_id)
        case ImageFailed(image_id=id, operation_id=operation_id, run_id=run_id):
            stays = state.images[id].status == "generated"
            failed = _changed(state, id, status="generated" if stays else "failed", operation_id=operation_id)
            return _arrived(failed, id, run_id)
        case ImageArchived(image_id=id):
            return _changed(state, id, archived=True)
        case ImageRestored(image_id=id):
            return _changed(state, id, archived=False)


def _opened(state: GalleryState, event: ImagePromptsWritten | ImageAdded) -> Gallery:
    if isinstance(state, NoGallery):
        return Gallery(event.content_id, event.site_id, event.sector_id, event.title, {})
    return replace(state, title=event.title)


def _changed(gallery: Gallery, image_id: UUID, **changes: object) -> Gallery:
    image = replace(gallery.images[image_id], **changes)  # type: ignore[arg-type]  # the names are checked above
    return replace(gallery, images={**gallery.images, image_id: image})


def _arrived(gallery: Gallery, image_id: UUID, run_id: UUID | None) -> Gallery:
    if run_id is None:
        return gallery
    left = gallery.awaited.get(run_id, frozenset()) - {image_id}
    return replace(gallery, awaited={**gallery.awaited, run_id: left})
