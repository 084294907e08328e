"""What can happen on an article's way to its site, and what is then true.

Each call to the site that makes something stands between two facts: `…Started` before, its outcome after. What was
started and has no outcome may or may not be there, and is looked for before it is sent again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from common.contracts.operations import ObjectRef
from common.contracts.writer import PublishImage, TermItem
from common.eventsourcing.event import Event

PublicationStatus = Literal["requested", "published", "failed", "unpublished"]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an article, as it shall be published."""

    content_id: UUID
    version: int
    site_id: UUID
    title: str
    slug: str
    excerpt: str
    body: ObjectRef
    meta_title: str
    meta_description: str
    primary_keyword: str
    terms: tuple[TermItem, ...]
    images: tuple[PublishImage, ...]
    run_id: UUID | None = None


class PublicationRequested(Event, frozen=True, kw_only=True):
    request_id: UUID
    order: Order


class PublicationRetried(Event, frozen=True, kw_only=True):
    """Somebody wants the failed order to be tried again."""


class TargetChosen(Event, frozen=True, kw_only=True):
    """Where it goes from here on. What was placed before may be here too, where only the site's address was corrected."""

    target: str


class TermEnsured(Event, frozen=True, kw_only=True):
    term_id: UUID
    external_id: str


class MediumStarted(Event, frozen=True, kw_only=True):
    key: str


class MediumUploaded(Event, frozen=True, kw_only=True):
    key: str
    external_id: str
    url: str


class PostStarted(Event, frozen=True, kw_only=True):
    key: str


class SendingRefused(Event, frozen=True, kw_only=True):
    """The site said no to what was started under `key`: it is surely not there."""

    key: str


class SendingEnded(Event, frozen=True, kw_only=True):
    """The attempt that started `key` is over, by a crash or without an answer: after `at` it sends nothing any more."""

    key: str
    at: datetime


class PostPublished(Event, frozen=True, kw_only=True):
    content_id: UUID
    version: int
    site_id: UUID
    external_id: str
    external_url: str
    run_id: UUID | None = None


class PostGone(Event, frozen=True, kw_only=True):
    """The post was deleted at its site, and perhaps more of what was placed there."""

    external_id: str


class PublicationConfirmed(Event, frozen=True, kw_only=True):
    """Asked again for what is out already: the request is answered, nothing is sent."""

    request_id: UUID
    content_id: UUID
    version: int
    site_id: UUID
    external_id: str
    external_url: str
    run_id: UUID | None = None


class PublicationFailed(Event, frozen=True, kw_only=True):
    content_id: UUID
    version: int
    site_id: UUID
    error_code: str
    message: str
    remedy: str
    run_id: UUID | None = None


class PostUnpublished(Event, frozen=True, kw_only=True):
    content_id: UUID
    version: int
    site_id: UUID


PublicationEvent = (
    PublicationRequested
    | PublicationRetried
    | TargetChosen
    | TermEnsured
    | MediumStarted
    | MediumUploaded
    | PostStarted
    | SendingRefused
    | SendingEnded
    | PostPublished
    | PostGone
    | PublicationConfirmed
    | PublicationFailed
    | PostUnpublished
)


@dataclass(frozen=True)
class NotRequested:
    """The article was never to be published."""


@dataclass(frozen=True)
class Medium:
    external_id: str
    url: str


@dataclass(frozen=True)
class Post:
    """`version` is the version of the article that it shows."""

    external_id: str
    url: str
    version: int


@dataclass(frozen=True)
class Publication:
    """The newest order and what is known of the site.

    `started` are the keys whose fate is not known, with the time at which their sending ended; None while somebody may
    be at it. `look_first` says that the site may have what no fact of this target tells: it is looked for by its key
    before it is sent.
    """

    order: Order
    status: PublicationStatus = "requested"
    requests: frozenset[UUID] = field(default_factory=frozenset)
    target: str | None = None
    terms: Mapping[UUID, str] = field(default_factory=dict)
    media: Mapping[str, Medium] = field(default_factory=dict)
    started: Mapping[str, datetime | None] = field(default_factory=dict)
    post: Post | None = None
    look_first: bool = False


PublicationState = NotRequested | Publication


def medium_key(image: PublishImage) -> str:
    """An image made anew is another medium."""
    return f"{image.image_id}:{image.object.sha256[:16]}"


def post_key(content_id: UUID) -> str:
    """All versions of an article are one post."""
    return str(content_id)


def evolve(state: PublicationState, event: PublicationEvent) -> PublicationState:
    if isinstance(event, PublicationRequested):
        if isinstance(state, NotRequested):
            return Publication(event.order, requests=frozenset({event.request_id}))
        return replace(
            state, order=event.order, status="requested", requests=state.requests | {event.request_id}
        )
    if isinstance(state, NotRequested):
        return state
    match event:
        case PublicationRetried():
            return replace(state, status="requested")
        case TargetChosen(target=target):
            # What is on its way stays: it may be on its way to this very site.
            moved = state.target is not None
            return replace(_unplaced(state), target=target, look_first=state.look_first or moved)
        case TermEnsured(term_id=term_id, external_id=external_id):
            return replace(state, terms={**state.terms, term_id: external_id})
        case MediumStarted(key=key) | PostStarted(key=key):
            return replace(state, started={**state.started, key: None})
        case MediumUploaded(key=key, external_id=external_id, url=url):
            media = {**state.media, key: Medium(external_id, url)}
            return replace(state, media=media, started=_without(state.started, key))
        case SendingRefused(key=key):
            return replace(state, started=_without(state.started, key))
        case SendingEnded(key=key, at=at):
            return replace(state, started={**state.started, key: at})
        case PostPublished(version=version, external_id=external_id, external_url=url):
            # A newer version can have been ordered meanwhile: then there is more to do.
            return replace(
                state,
                status="published" if version == state.order.version else state.status,
                post=Post(external_id, url, version),
                started=_without(state.started, post_key(event.content_id)),
            )
        case PostGone():
            return replace(_unplaced(state), look_first=True)
        case PublicationConfirmed(request_id=request_id):
            return replace(state, requests=state.requests | {request_id})
        case PublicationFailed():
            return replace(state, status="failed")
        case PostUnpublished():
            return replace(state, status="unpublished")


def _unplaced(publication: Publication) -> Publication:
    return replace(publication, terms={}, media={}, post=None)


def _without(started: Mapping[str, datetime | None], key: str) -> Mapping[str, datetime | None]:
    return {other: ended for other, ended in started.items() if other != key}
