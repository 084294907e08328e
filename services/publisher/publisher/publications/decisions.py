"""What may be decided about an article's way to its site."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never
from uuid import UUID

from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes

from publisher.publications.events import (
    MediumStarted,
    MediumUploaded,
    NotRequested,
    Order,
    Post,
    PostGone,
    PostPublished,
    PostStarted,
    PostUnpublished,
    Publication,
    PublicationConfirmed,
    PublicationEvent,
    PublicationFailed,
    PublicationRequested,
    PublicationRetried,
    PublicationState,
    SendingEnded,
    SendingRefused,
    TargetChosen,
    TermEnsured,
    evolve,
    post_key,
)


class PublicationNotFound(DomainError):
    """The article was never to be published."""

    code = "NOT_FOUND"
    status = 404


class PublicationStatusConflict(DomainError):
    """The publication's status does not allow that."""

    code = "INVALID_TRANSITION"


@dataclass(frozen=True)
class RequestPublication:
    """`target` is the name of the place where the site publishes now; one that ends in a colon means any of its kind."""

    request_id: UUID
    order: Order
    target: str


@dataclass(frozen=True)
class RetryPublication:
    """Try the failed order again."""


@dataclass(frozen=True)
class ChooseTarget:
    target: str


@dataclass(frozen=True)
class RecordTerm:
    term_id: UUID
    external_id: str


@dataclass(frozen=True)
class StartMedium:
    """Answered with a fact to the one who may send; to anybody else it is unknown whether it is there.

    `ended` says: what was started, and ended at that time, is surely not there. Of those who say so one may send again.
    """

    key: str
    ended: datetime | None = None


@dataclass(frozen=True)
class RecordMedium:
    key: str
    external_id: str
    url: str


@dataclass(frozen=True)
class StartPost:
    """Like `StartMedium`."""

    ended: datetime | None = None


@dataclass(frozen=True)
class RecordPost:
    """`version` is the article's version that was sent."""

    version: int
    external_id: str
    external_url: str


@dataclass(frozen=True)
class RecordGone:
    """The site does not have the post `external_id` any more."""

    external_id: str


@dataclass(frozen=True)
class RefuseSending:
    key: str


@dataclass(frozen=True)
class EndSending:
    """After `at` nothing is sent any more by who started `key`; the latest such word counts."""

    key: str
    at: datetime


@dataclass(frozen=True)
class FailPublication:
    """No further attempt at `version` will be made by itself; None means whichever is ordered."""

    error_code: str
    message: str
    remedy: str
    version: int | None


@dataclass(frozen=True)
class RecordUnpublished:
    """The site does not show the post any more, which showed `version` of the article when it was taken down."""

    version: int


PublicationCommand = (
    RequestPublication
    | RetryPublication
    | ChooseTarget
    | RecordTerm
    | StartMedium
    | RecordMedium
    | StartPost
    | RecordPost
    | RecordGone
    | RefuseSending
    | EndSending
    | FailPublication
    | RecordUnpublished
)


def decide(command: PublicationCommand, state: PublicationState) -> Sequence[PublicationEvent]:
    if isinstance(command, RequestPublication):
        return _request(command, state)
    if isinstance(state, NotRequested):
        raise PublicationNotFound("This publication does not exist or is not yours.")
    match command:
        case RetryPublication():
            if state.status == "requested":
                return []
            if state.status != "failed":
                raise PublicationStatusConflict(
                    f"A publication that is {state.status} cannot be tried again; only failed ones can."
                )
            return [PublicationRetried()]
        case ChooseTarget(target):
            return [] if state.target == target else [TargetChosen(target=target)]
        case RecordTerm(term_id, external_id):
            if state.terms.get(term_id) == external_id:
                return []
            return [TermEnsured(term_id=term_id, external_id=external_id)]
        case StartMedium(key, ended):
            may_send = key not in state.media and _may_send(state, key, ended)
            return [MediumStarted(key=key)] if may_send else []
        case RecordMedium(key, external_id, url):
            if key in state.media:
                return []
            return [MediumUploaded(key=key, external_id=external_id, url=url)]
        case StartPost(ended):
            key = post_key(state.order.content_id)
            may_send = state.post is None and _may_send(state, key, ended)
            return [PostStarted(key=key)] if may_send else []
        case RecordPost():
            return _record_post(command, state)
        case RecordGone(external_id):
            is_it = state.post is not None and state.post.external_id == external_id
            return [PostGone(external_id=external_id)] if is_it else []
        case RefuseSending(key):
            return [SendingRefused(key=key)] if key in state.started else []
        case EndSending(key, at):
            known = state.started.get(key)
            told = key not in state.started or (known is not None and known >= at)
            return [] if told else [SendingEnded(key=key, at=at)]
        case FailPublication():
            return _fail(command, state)
        case RecordUnpublished(version):
            return _unpublish(version, state)
    assert_never(command)


def _request(command: RequestPublication, state: PublicationState) -> Sequence[PublicationEvent]:
    """The newest version counts. A request for what is out there already is answered without sending anything."""
    if isinstance(state, NotRequested):
        return [PublicationRequested(request_id=command.request_id, order=command.order)]
    order = command.order
    if command.request_id in state.requests or order.version < state.order.version:
        return []
    is_out = state.status == "published" and _is_at(state, command.target)
    if state.post is not None and is_out and state.post.version == order.version:
        return [
            PublicationConfirmed(
                request_id=command.request_id,
                content_id=order.content_id,
                version=order.version,
                site_id=order.site_id,
                external_id=state.post.external_id,
                external_url=state.post.url,
                run_id=order.run_id,
            )
        ]
    return [PublicationRequested(request_id=command.request_id, order=order)]


def _is_at(publication: Publication, target: str) -> bool:
    place = publication.target or ""
    return place == target or (target.endswith(":") and place.startswith(target))


def _may_send(publication: Publication, key: str, ended: datetime | None) -> bool:
    return key not in publication.started or (ended is not None and publication.started[key] == ended)


def _record_post(command: RecordPost, publication: Publication) -> Sequence[PublicationEvent]:
    post, order = publication.post, publication.order
    if command.version == order.version:
        done = publication.status == "published"
    else:  # overtaken by a newer order; but the site has a post now, and that must be known
        done = post is not None and post.version >= command.version
    if done:
        return []
    return [
        PostPublished(
            content_id=order.content_id,
            version=command.version,
            site_id=order.site_id,
            external_id=command.external_id,
            external_url=command.external_url,
            run_id=order.run_id,
        )
    ]


def _fail(command: FailPublication, publication: Publication) -> Sequence[PublicationEvent]:
    order = publication.order
    if publication.status != "requested" or command.version not in (None, order.version):
        return []
    return [
        PublicationFailed(
            content_id=order.content_id,
            version=order.version,
            site_id=order.site_id,
            error_code=command.error_code,
            message=command.message,
            remedy=command.remedy,
            run_id=order.run_id,
        )
    ]


def _unpublish(version: int, publication: Publication) -> Sequence[PublicationEvent]:
    if publication.status == "unpublished":
        return []
    post = require_takeable(publication)
    if post.version != version:
        raise PublicationStatusConflict("A newer version went out in the meantime; take that one back.")
    return [
        PostUnpublished(
            content_id=publication.order.content_id,
            version=version,
            site_id=publication.order.site_id,
        )
    ]


def require_takeable(publication: Publication) -> Post:
    """The post that can be taken back. Raises `PublicationStatusConflict`."""
    if publication.status == "requested":
        raise PublicationStatusConflict(
            "This article is on its way to its site; take it back when it is there."
        )
    if publication.post is None:
        raise PublicationStatusConflict("Nothing of this article is published yet.")
    return publication.post


PUBLICATION: Decider[PublicationState, PublicationCommand] = Decider(
    category="publication",
    initial=NotRequested(),
    evolve=evolve,
    decide=decide,
    types=EventTypes(
        (
            PublicationRequested,
            PublicationRetried,
            TargetChosen,
            TermEnsured,
            MediumStarted,
            MediumUploaded,
            PostStarted,
            SendingRefused,
            SendingEnded,
            PostPublished,
            PostGone,
            PublicationConfirmed,
            PublicationFailed,
            PostUnpublished,
        )
    ),
)
