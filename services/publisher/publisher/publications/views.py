"""Publications as a table: what is out, and what stands in the way of the rest."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from common.database import Sql
from common.eventsourcing.decider import StreamName
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import change_rows, put_rows, row_columns, uuid_column

from publisher import metadata
from publisher.publications.decisions import PUBLICATION
from publisher.publications.events import (
    PostGone,
    PostPublished,
    PostUnpublished,
    PublicationFailed,
    PublicationRequested,
    PublicationRetried,
    TargetChosen,
)

publications = sa.Table(
    "publications",
    metadata,
    uuid_column("content_id", primary_key=True),
    *row_columns(),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("ordered_version", sa.Integer, nullable=False),
    sa.Column("published_version", sa.Integer),
    sa.Column("status", sa.Text, nullable=False),
    uuid_column("run_id", nullable=True),
    sa.Column("target", sa.Text),
    sa.Column("external_id", sa.Text),
    sa.Column("external_url", sa.Text),
    sa.Column("published_at", sa.DateTime(timezone=True)),
    sa.Column("error_code", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("remedy", sa.Text),
)
_NO_ERROR: dict[str, Any] = {"error_code": None, "error": None, "remedy": None}
_NO_POST: dict[str, Any] = {
    "external_id": None,
    "external_url": None,
    "published_version": None,
    "published_at": None,
}


async def apply(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
    for fact in recorded:
        id = StreamName.parse(fact.stream).id
        match fact.event:
            case PublicationRequested(order=order):
                row = {
                    "content_id": id,
                    "site_id": order.site_id,
                    "title": order.title,
                    "ordered_version": order.version,
                    "status": "requested",
                    "run_id": order.run_id,
                    **_NO_ERROR,
                }
                await put_rows(sql, publications, fact, [row])
            case PublicationRetried():
                await change_rows(sql, publications, fact, [id], status="requested", **_NO_ERROR)
            case TargetChosen(target=target):
                await change_rows(sql, publications, fact, [id], target=target, **_NO_POST)
            case PostGone():
                await change_rows(sql, publications, fact, [id], **_NO_POST)
            case PostPublished(version=version, external_id=external_id, external_url=url):
                up_to_date = publications.c.ordered_version == version
                await change_rows(
                    sql,
                    publications,
                    fact,
                    [id],
                    status=sa.case((up_to_date, "published"), else_=publications.c.status),
                    published_version=version,
                    published_at=fact.recorded_at,
                    external_id=external_id,
                    external_url=url,
                    **_NO_ERROR,
                )
            case PublicationFailed(error_code=code, message=message, remedy=remedy):
                await change_rows(
                    sql,
                    publications,
                    fact,
                    [id],
                    status="failed",
                    error_code=code,
                    error=message,
                    remedy=remedy,
                )
            case PostUnpublished():
                await change_rows(
                    sql, publications, fact, [id], status="unpublished", published_version=None, **_NO_ERROR
                )
            case _:
                pass  # steps on the way; the next fact that shows brings the row up to its version


PROJECTION = Projection("publications", (PUBLICATION.category,), (publications,), apply)
