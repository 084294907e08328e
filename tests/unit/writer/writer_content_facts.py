"""Facts about an article that tests begin with."""

from uuid import UUID

from common.contracts.operations import Charge, ObjectRef, Usage
from writer.content.events import (
    Body,
    ContentApproved,
    ContentOrigin,
    ContentPublished,
    ContentReleased,
    ContentSubmitted,
    ContentText,
    ContentWritten,
    Publication,
)

ID, TASK_ID, SITE, SECTOR, CLUSTER, RUN, OTHER_RUN, OPERATION, USER, RELEASE = (
    UUID(int=n) for n in range(30, 40)
)
USAGE = Usage(provider="local", model="local", calls=1)
CHARGE = Charge(kind="content_words", units=900)
ORIGIN = ContentOrigin(
    task_id=TASK_ID,
    site_id=SITE,
    sector_id=SECTOR,
    cluster_id=CLUSTER,
    content_type="post",
    content_structure="guide",
)
TEXT = ContentText(
    title="Leasing a forklift",
    slug="leasing-a-forklift",
    body=Body(words=900, headings=("Why lease",), html="<h2>Why lease</h2><p>Because.</p>"),
    excerpt="On leasing.",
    meta_title="Leasing a forklift",
    meta_description="On leasing forklifts.",
    primary_keyword="forklift leasing",
    secondary_keywords=(),
    tags=("Forklifts",),
    categories=("Leasing",),
)
WRITTEN = ContentWritten(
    content_id=ID,
    text_version=1,
    origin=ORIGIN,
    text=TEXT,
    operation_id=OPERATION,
    usage=USAGE,
    charge=CHARGE,
    run_id=RUN,
)
SUBMITTED = ContentSubmitted(text_version=1, title=TEXT.title, run_id=RUN)
APPROVED = ContentApproved(text_version=1, title=TEXT.title, user_id=USER, run_id=RUN)
PUBLICATION = Publication(
    body=ObjectRef(sha256="ab", size=3, media_type="text/html"), terms=(), images=(), run_id=RUN
)
RELEASED = ContentReleased(
    release_id=RELEASE,
    content_id=ID,
    text_version=1,
    origin=ORIGIN,
    title=TEXT.title,
    slug=TEXT.slug,
    excerpt=TEXT.excerpt,
    meta_title=TEXT.meta_title,
    meta_description=TEXT.meta_description,
    primary_keyword=TEXT.primary_keyword,
    publication=PUBLICATION,
)
PUBLISHED = ContentPublished(text_version=1, external_id="7", external_url="https://site/7")
