"""What may be decided about the pictures of one article."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from common.contracts.operations import Charge, ObjectRef, Usage
from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes

from writer.images.events import (
    Gallery,
    GalleryEvent,
    GalleryState,
    Image,
    ImageAdded,
    ImageArchived,
    ImageChanged,
    ImageDraft,
    ImageFailed,
    ImageGenerated,
    ImagePromptsWritten,
    ImageRestored,
    ImagesAwaited,
    NoGallery,
    evolve,
)


class ImageNotFound(DomainError):
    """There is no such image, or it is archived."""

    code = "NOT_FOUND"
    status = 404


@dataclass(frozen=True)
class WritePrompts:
    content_id: UUID
    site_id: UUID
    sector_id: UUID
    title: str
    images: tuple[ImageDraft, ...]
    operation_id: UUID
    usage: Usage
    charge: Charge
    run_id: UUID | None = None


@dataclass(frozen=True)
class AddImage:
    content_id: UUID
    site_id: UUID
    sector_id: UUID
    title: str
    image: ImageDraft


@dataclass(frozen=True)
class EditImage:
    """None leaves a text as it is."""

    image_id: UUID
    prompt: str | None = None
    alt_text: str | None = None


@dataclass(frozen=True)
class AwaitImages:
    run_id: UUID
    image_ids: tuple[UUID, ...]


@dataclass(frozen=True)
class RecordImage:
    image_id: UUID
    object: ObjectRef
    operation_id: UUID
    usage: Usage
    charge: Charge
    run_id: UUID | None = None


@dataclass(frozen=True)
class FailImage:
    image_id: UUID
    operation_id: UUID
    error_code: str
    message: str
    run_id: UUID | None = None


@dataclass(frozen=True)
class ArchiveImage:
    image_id: UUID


@dataclass(frozen=True)
class RestoreImage:
    image_id: UUID


GalleryCommand = (
    WritePrompts | AddImage | EditImage | AwaitImages | RecordImage | FailImage | ArchiveImage | RestoreImage
)


def decide(command: GalleryCommand, state: GalleryState) -> Sequence[GalleryEvent]:
    match command:
        case WritePrompts():
            return _write(command, state)
        case AddImage():
            return _add(command, state)
    if isinstance(state, NoGallery):
        raise ImageNotFound("This image does not exist or is not yours.")
    match command:
        case EditImage(image_id, prompt, alt_text):
            return _edit(_listed(state, image_id), prompt, alt_text)
        case AwaitImages(run_id, image_ids):
            new = tuple(id for id in image_ids if id not in state.awaited.get(run_id, ()))
            return [ImagesAwaited(run_id=run_id, image_ids=new)] if new else []
        case RecordImage():
            return _record(command, state)
        case FailImage(image_id, operation_id, error_code, message, run_id):
            if _image(state, image_id).operation_id == operation_id:
                return []
            return [
                ImageFailed(
                    image_id=image_id,
                    operation_id=operation_id,
                    error_code=error_code,
                    message=message,
                    run_id=run_id,
                )
            ]
        case ArchiveImage(image_id):
            return [] if _image(state, image_id).archived else [ImageArchived(image_id=image_id)]
        case RestoreImage(image_id):
            return [ImageRestored(image_id=image_id)] if _image(state, image_id).archived else []
    assert_never(command)


def _write(command: WritePrompts, state: GalleryState) -> Sequence[GalleryEvent]:
    if isinstance(state, Gallery) and command.operation_id in state.prompted:
        return []
    unmade = [
        ImageArchived(image_id=id)
        for id, image in (state.images.items() if isinstance(state, Gallery) else ())
        if image.status != "generated" and not image.archived
    ]
    return [
        *unmade,
        ImagePromptsWritten(
            content_id=command.content_id,
            site_id=command.site_id,
            sector_id=command.sector_id,
            title=command.title,
            images=command.images,
            operation_id=command.operation_id,
            usage=command.usage,
            charge=command.charge,
            run_id=command.run_id,
        ),
    ]


def _add(command: AddImage, state: GalleryState) -> Sequence[GalleryEvent]:
    if isinstance(state, Gallery) and command.image.image_id in state.images:
        return []
    return [
        ImageAdded(
            content_id=command.content_id,
            site_id=command.site_id,
            sector_id=command.sector_id,
            title=command.title,
            image=command.image,
        )
    ]


def _edit(image: Image, prompt: str | None, alt_text: str | None) -> Sequence[GalleryEvent]:
    old = image.draft
    new = ImageDraft(
        image_id=old.image_id,
        image_type=old.image_type,
        prompt=old.prompt if prompt is None else prompt,
        alt_text=old.alt_text if alt_text is None else alt_text,
        position=old.position,
    )
    if new == old:
        return []
    return [ImageChanged(image=new, status=image.status if new.prompt == old.prompt else "pending")]


def _record(command: RecordImage, gallery: Gallery) -> Sequence[GalleryEvent]:
    if _image(gallery, command.image_id).operation_id == command.operation_id:
        return []
    return [
        ImageGenerated(
            content_id=gallery.content_id,
            site_id=gallery.site_id,
            sector_id=gallery.sector_id,
            image_id=command.image_id,
            object=command.object,
            operation_id=command.operation_id,
            usage=command.usage,
            charge=command.charge,
            run_id=command.run_id,
        )
    ]


def _image(gallery: Gallery, image_id: UUID) -> Image:
    if image_id not in gallery.images:
        raise ImageNotFound("This image does not exist or is not yours.")
    return gallery.images[image_id]


def _listed(gallery: Gallery, image_id: UUID) -> Image:
    image = _image(gallery, image_id)
    if image.archived:
        raise ImageNotFound("This image is archived; restore it first.")
    return image


GALLERY: Decider[GalleryState, GalleryCommand] = Decider(
    category="gallery",
    initial=NoGallery(),
    evolve=evolve,
    decide=decide,
    types=EventTypes(
        (
            ImagePromptsWritten,
            ImageAdded,
            ImageChanged,
            ImagesAwaited,
            ImageGenerated,
            ImageFailed,
            ImageArchived,
            ImageRestored,
        )
    ),
)
