"""What can happen to an article, and what is then true.

`text_version` counts the versions of its text from 1; an approval pins one of them.
"""

from dataclasses import dataclass, field, replace
from uuid import UUID

import msgspec
from common.contracts.operations import Charge, ObjectRef, Usage
from common.contracts.planner import ContentStructure, ContentType
from common.contracts.writer import ContentStatus, PublishImage, TermItem
from common.eventsourcing.event import Event


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """Sanitised body HTML: inline, or by reference where it is large. `words` as they are charged."""

    words: int
    headings: tuple[str, ...]
    html: str | None = None
    object: ObjectRef | None = None


class ContentText(msgspec.Struct, frozen=True, kw_only=True):
    """All that a version consists of."""

    title: str
    slug: str
    body: Body
    excerpt: str
    meta_title: str
    meta_description: str
    primary_keyword: str
    secondary_keywords: tuple[str, ...]
    tags: tuple[str, ...]
    categories: tuple[str, ...]


class ContentOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """Where an article belongs."""

    task_id: UUID
    site_id: UUID
    sector_id: UUID
    cluster_id: UUID
    content_type: ContentType
    content_structure: ContentStructure


class ContentWritten(Event, frozen=True, kw_only=True):
    """The outcome of `generate_content`: a first or a further version, a draft again."""

    content_id: UUID
    text_version: int
    origin: ContentOrigin
    text: ContentText
    operation_id: UUID
    usage: Usage
    charge: Charge
    run_id: UUID | None = None


class ContentEdited(Event, frozen=True, kw_only=True):
    text_version: int
    origin: ContentOrigin
    text: ContentText


class ContentSubmitted(Event, frozen=True, kw_only=True):
    text_version: int
    title: str
    run_id: UUID | None = None


class ContentApproved(Event, frozen=True, kw_only=True):
    """`user_id` None: a rule or run approved by itself."""

    text_version: int
    title: str
    user_id: UUID | None = None
    run_id: UUID | None = None


class ContentRejected(Event, frozen=True, kw_only=True):
    text_version: int
    title: str
    reason: str


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """What the publisher is handed: `body` is in the object store before this is recorded."""

    body: ObjectRef
    terms: tuple[TermItem, ...]
    images: tuple[PublishImage, ...]
    integration_id: UUID | None = None
    run_id: UUID | None = None


class ContentReleased(Event, frozen=True, kw_only=True):
    """An approved version goes to the publisher; `release_id` names the request it answers."""

    release_id: UUID
    content_id: UUID
    text_version: int
    origin: ContentOrigin
    title: str
    slug: str
    excerpt: str
    meta_title: str
    meta_description: str
    primary_keyword: str
    publication: Publication


class ContentPublished(Event, frozen=True, kw_only=True):
    """`heard`, here and below: the version of the publication that said so; 0 in facts of before that was noted."""

    text_version: int
    external_id: str
    external_url: str
    heard: int = 0


class ContentPublicationFailed(Event, frozen=True, kw_only=True):
    text_version: int
    error_code: str
    message: str
    heard: int = 0


class ContentUnpublished(Event, frozen=True, kw_only=True):
    text_version: int
    heard: int = 0


class ContentArchived(Event, frozen=True, kw_only=True):
    content_id: UUID


class ContentRestored(Event, frozen=True, kw_only=True):
    content_id: UUID


ContentEvent = (
    ContentWritten
    | ContentEdited
    | ContentSubmitted
    | ContentApproved
    | ContentRejected
    | ContentReleased
    | ContentPublished
    | ContentPublicationFailed
    | ContentUnpublished
    | ContentArchived
    | ContentRestored
)


@dataclass(frozen=True)
class NoContent:
    """Not written yet."""


@dataclass(frozen=True)
class Content:
    """`run_id` is the run that works on it, `told` are the runs that know of its review; `published` is the version that
    is out, which an edit leaves there; `withdrawn`: what the approval handed over was taken back, or archived before;
    `approved_by_rule`: by a run, which has not handed it over yet; `heard`: how far its publication was heard of.
    """

    content_id: UUID
    origin: ContentOrigin
    text: ContentText
    text_version: int
    operation_id: UUID
    status: ContentStatus = "draft"
    approved: int | None = None
    published: int | None = None
    external_id: str | None = None
    run_id: UUID | None = None
    told: frozenset[UUID] = field(default_factory=frozenset)
    releases: frozenset[UUID] = field(default_factory=frozenset)
    problem: tuple[int, str, str] | None = None
    archived: bool = False
    withdrawn: bool = False
    approved_by_rule: bool = False

    @property
    def is_approved(self) -> bool:
        """Whether the text as it is now may be published."""
        return self.approved == self.text_version

    heard: int = 0


ContentState = NoContent | Content


def evolve(state: ContentState, event: ContentEvent) -> ContentState:
    if isinstance(event, ContentWritten):
        return _written(state, event)
    if isinstance(state, NoContent):
        return state
    match event:
        case ContentEdited(text_version=version, origin=origin, text=text):
            return replace(
                state, origin=origin, text=text, text_version=version, status="draft", approved=None
            )
        case ContentSubmitted(run_id=run_id):
            told = state.told | ({run_id} if run_id else frozenset())
            reviewed: ContentStatus = "published" if state.status == "published" else "review"
            return replace(state, status=reviewed, run_id=run_id or state.run_id, told=told)
        case ContentApproved(text_version=version, user_id=user_id, run_id=run_id):
            return replace(
                state,
                approved=version,
                run_id=run_id or state.run_id,
                withdrawn=False,
                approved_by_rule=user_id is None,
            )
        case ContentRejected():
            return replace(state, status="draft", approved=None)
        case ContentReleased(release_id=release_id):
            return replace(
                state,
                releases=state.releases | {release_id},
                problem=None,
                withdrawn=False,
                approved_by_rule=False,
            )
        case ContentPublished(text_version=version, external_id=external_id, heard=heard):
            # An edit made meanwhile stays a draft; the version that is out is another.
            status: ContentStatus = "published" if version == state.text_version else state.status
            return replace(
                state, published=version, external_id=external_id, status=status, problem=None, heard=heard
            )
        case ContentPublicationFailed(text_version=version, error_code=code, message=message, heard=heard):
            return replace(state, problem=(version, code, message), heard=heard)
        case ContentUnpublished(heard=heard):
            status = "review" if state.status == "published" else state.status
            return replace(state, published=None, status=status, withdrawn=True, heard=heard)
        case ContentArchived():
            return replace(state, archived=True, withdrawn=True)
        case ContentRestored():
            return replace(state, archived=False)


def _written(state: ContentState, event: ContentWritten) -> Content:
    if isinstance(state, NoContent):
        return Content(
            event.content_id,
            event.origin,
            event.text,
            event.text_version,
            event.operation_id,
            run_id=event.run_id,
        )
    return replace(
        state,
        origin=event.origin,
        text=event.text,
        text_version=event.text_version,
        operation_id=event.operation_id,
        status="draft",
        approved=None,
        run_id=event.run_id,
        archived=False,
    )
