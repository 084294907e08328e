"""What may be decided about an article: draft → review → published, and back where somebody says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from common.contracts.operations import Charge, Usage
from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes

from writer.content.events import (
    Content,
    ContentApproved,
    ContentArchived,
    ContentEdited,
    ContentEvent,
    ContentOrigin,
    ContentPublicationFailed,
    ContentPublished,
    ContentRejected,
    ContentReleased,
    ContentRestored,
    ContentState,
    ContentSubmitted,
    ContentText,
    ContentUnpublished,
    ContentWritten,
    NoContent,
    Publication,
    evolve,
)


class ContentNotFound(DomainError):
    """There is no such content, or it is archived."""

    code = "NOT_FOUND"
    status = 404


class ContentStatusConflict(DomainError):
    """The content's status does not allow that."""

    code = "INVALID_TRANSITION"


@dataclass(frozen=True)
class WriteContent:
    content_id: UUID
    origin: ContentOrigin
    text: ContentText
    operation_id: UUID
    usage: Usage
    charge: Charge
    run_id: UUID | None = None


@dataclass(frozen=True)
class EditContent:
    """`cluster_id` None leaves it where it is."""

    text: ContentText
    cluster_id: UUID | None = None


@dataclass(frozen=True)
class SubmitContent:
    run_id: UUID | None = None


@dataclass(frozen=True)
class ApproveContent:
    """`user_id` None: by the rule of a run. `instead_of_rule`: the run that approved it was cancelled."""

    user_id: UUID | None = None
    run_id: UUID | None = None
    instead_of_rule: bool = False


@dataclass(frozen=True)
class RejectContent:
    reason: str


@dataclass(frozen=True)
class ReleaseContent:
    """Hand `text_version` to the publisher, once for each `release_id`."""

    release_id: UUID
    text_version: int
    publication: Publication


@dataclass(frozen=True)
class RecordPublished:
    """The publisher said so; `heard`, here and below, is the version of its publication's stream."""

    text_version: int
    external_id: str
    external_url: str
    heard: int


@dataclass(frozen=True)
class RecordPublishFailed:
    """The publisher said so."""

    text_version: int
    error_code: str
    message: str
    heard: int


@dataclass(frozen=True)
class RecordUnpublished:
    """The publisher said so."""

    text_version: int
    heard: int


@dataclass(frozen=True)
class ArchiveContent:
    """Out of the lists."""


@dataclass(frozen=True)
class RestoreContent:
    """Back into the lists."""


ContentCommand = (
    WriteContent
    | EditContent
    | SubmitContent
    | ApproveContent
    | RejectContent
    | ReleaseContent
    | RecordPublished
    | RecordPublishFailed
    | RecordUnpublished
    | ArchiveContent
    | RestoreContent
)


def decide(command: ContentCommand, state: ContentState) -> Sequence[ContentEvent]:
    if isinstance(command, WriteContent):
        return _write(command, state)
    if isinstance(state, NoContent):
        raise ContentNotFound("This content does not exist or is not yours.")
    match command:
        case EditContent():
            return _edit(command, _listed(state))
        case SubmitContent(run_id):
            return _submit(run_id, _listed(state))
        case ApproveContent():
            return _approve(command, _listed(state))
        case RejectContent(reason):
            if _listed(state).status != "review":
                raise ContentStatusConflict(f"Content that is {state.status} cannot be rejected.")
            return [ContentRejected(text_version=state.text_version, title=state.text.title, reason=reason)]
        case ReleaseContent():
            return _release(command, state)
        case RecordPublished() | RecordPublishFailed() | RecordUnpublished():
            return _record(command, state)
        case ArchiveContent():
            return [] if state.archived else [ContentArchived(content_id=state.content_id)]
        case RestoreContent():
            return [ContentRestored(content_id=state.content_id)] if state.archived else []
    assert_never(command)


def _write(command: WriteContent, state: ContentState) -> Sequence[ContentEvent]:
    if isinstance(state, Content) and state.operation_id == command.operation_id:
        return []
    return [
        ContentWritten(
            content_id=command.content_id,
            text_version=state.text_version + 1 if isinstance(state, Content) else 1,
            origin=command.origin,
            text=command.text,
            operation_id=command.operation_id,
            usage=command.usage,
            charge=command.charge,
            run_id=command.run_id,
        )
    ]


def _edit(command: EditContent, content: Content) -> Sequence[ContentEvent]:
    origin = content.origin
    if command.cluster_id is not None and command.cluster_id != origin.cluster_id:
        origin = ContentOrigin(
            task_id=origin.task_id,
            site_id=origin.site_id,
            sector_id=origin.sector_id,
            cluster_id=command.cluster_id,
            content_type=origin.content_type,
            content_structure=origin.content_structure,
        )
    if command.text == content.text and origin == content.origin:
        return []
    return [ContentEdited(text_version=content.text_version + 1, origin=origin, text=command.text)]


def _submit(run_id: UUID | None, content: Content) -> Sequence[ContentEvent]:
    if content.status == "published" and run_id is None:
        raise ContentStatusConflict("Published content needs no review; edit it to make a new draft.")
    # A run waits for the review of each of its articles: one that was asked for, or is over, before its last image
    # came is told to the run as well.
    if content.status != "draft" and (run_id is None or run_id in content.told):
        return []
    return [ContentSubmitted(text_version=content.text_version, title=content.text.title, run_id=run_id)]


def _approve(command: ApproveContent, content: Content) -> Sequence[ContentEvent]:
    overruled = command.instead_of_rule and content.approved_by_rule
    again = content.status == "review" and (content.withdrawn or overruled)
    if content.is_approved and not again:
        return []
    if content.status != "review":
        raise ContentStatusConflict(
            f"Content that is {content.status} cannot be approved; submit it for review first."
        )
    return [
        ContentApproved(
            text_version=content.text_version,
            title=content.text.title,
            user_id=command.user_id,
            run_id=command.run_id or content.run_id,
        )
    ]


def _release(command: ReleaseContent, content: Content) -> Sequence[ContentEvent]:
    overtaken = content.archived or content.approved != command.text_version
    if command.release_id in content.releases or overtaken:
        return []
    text = content.text
    return [
        ContentReleased(
            release_id=command.release_id,
            content_id=content.content_id,
            text_version=command.text_version,
            origin=content.origin,
            title=text.title,
            slug=text.slug,
            excerpt=text.excerpt,
            meta_title=text.meta_title,
            meta_description=text.meta_description,
            primary_keyword=text.primary_keyword,
            publication=command.publication,
        )
    ]


def _record(
    command: RecordPublished | RecordPublishFailed | RecordUnpublished, content: Content
) -> Sequence[ContentEvent]:
    if command.heard <= content.heard:
        return []
    match command:
        case RecordPublished(version, external_id, external_url, heard):
            if content.published is not None and content.published >= version:
                return []
            return [
                ContentPublished(
                    text_version=version, external_id=external_id, external_url=external_url, heard=heard
                )
            ]
        case RecordPublishFailed(version, error_code, message, heard):
            if content.problem == (version, error_code, message):
                return []
            return [
                ContentPublicationFailed(
                    text_version=version, error_code=error_code, message=message, heard=heard
                )
            ]
        case RecordUnpublished(version, heard):
            if content.published != version:
                return []
            return [ContentUnpublished(text_version=version, heard=heard)]
    assert_never(command)


def _listed(content: Content) -> Content:
    if content.archived:
        raise ContentNotFound("This content is archived; restore it first.")
    return content


CONTENT: Decider[ContentState, ContentCommand] = Decider(
    category="content",
    initial=NoContent(),
    evolve=evolve,
    decide=decide,
    types=EventTypes(
        (
            ContentWritten,
            ContentEdited,
            ContentSubmitted,
            ContentApproved,
            ContentRejected,
            ContentReleased,
            ContentPublished,
            ContentPublicationFailed,
            ContentUnpublished,
            ContentArchived,
            ContentRestored,
        )
    ),
)
