"""Facts about a publication that tests begin with."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from common.contracts.operations import ObjectRef
from common.contracts.writer import PublishImage, TermItem
from publisher.publications.events import (
    MediumStarted,
    MediumUploaded,
    Order,
    PostPublished,
    PostStarted,
    PublicationFailed,
    PublicationRequested,
    SendingEnded,
    TargetChosen,
    TermEnsured,
    medium_key,
    post_key,
)

CONTENT, SITE, RUN, OTHER_RUN, FIRST, SECOND, TERM = (UUID(int=n) for n in range(70, 77))
IMAGE = PublishImage(
    image_id=UUID(int=80),
    image_type="featured",
    position=0,
    alt_text="A yard",
    object=ObjectRef(sha256="a" * 64, size=3, media_type="image/png"),
)
ORDER = Order(
    content_id=CONTENT,
    version=1,
    site_id=SITE,
    title="Leasing a forklift",
    slug="leasing-a-forklift",
    excerpt="",
    body=ObjectRef(sha256="b" * 64, size=3, media_type="text/html"),
    meta_title="",
    meta_description="",
    primary_keyword="",
    terms=(TermItem(term_id=TERM, taxonomy="tag", name="Forklifts", slug="forklifts"),),
    images=(IMAGE,),
    run_id=RUN,
)
NEWER = msgspec.structs.replace(ORDER, version=2, run_id=OTHER_RUN)
MEDIUM, POST = medium_key(IMAGE), post_key(CONTENT)
REQUESTED = PublicationRequested(request_id=FIRST, order=ORDER)
REQUESTED_NEWER = PublicationRequested(request_id=SECOND, order=NEWER)
CHOSEN = TargetChosen(target="folder:/site")
ENSURED = TermEnsured(term_id=TERM, external_id="t1")
MEDIUM_STARTED, MEDIUM_UPLOADED = (
    MediumStarted(key=MEDIUM),
    MediumUploaded(key=MEDIUM, external_id="m1", url="https://site/m1.png"),
)
POST_STARTED = PostStarted(key=POST)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MEDIUM_ENDED, POST_ENDED = SendingEnded(key=MEDIUM, at=NOON), SendingEnded(key=POST, at=NOON)


def post_published(version: int = 1, run_id: UUID = RUN) -> PostPublished:
    return PostPublished(
        content_id=CONTENT,
        version=version,
        site_id=SITE,
        external_id="p1",
        external_url="https://site/p1",
        run_id=run_id,
    )


FAILED = PublicationFailed(
    content_id=CONTENT,
    version=1,
    site_id=SITE,
    error_code="wrong_password",
    message="401",
    remedy="Enter it again.",
    run_id=RUN,
)
