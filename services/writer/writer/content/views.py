"""Articles as a table, and each version of their text."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from common.database import Sql
from common.eventsourcing.decider import StreamName
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import add_rows, change_rows, resource_columns, uuid_column
from sqlalchemy.dialects.postgresql import JSONB, insert

from writer import metadata
from writer.content.decisions import CONTENT
from writer.content.events import (
    ContentApproved,
    ContentArchived,
    ContentEdited,
    ContentPublicationFailed,
    ContentPublished,
    ContentRejected,
    ContentReleased,
    ContentRestored,
    ContentSubmitted,
    ContentText,
    ContentUnpublished,
    ContentWritten,
)

content = sa.Table(
    "content",
    metadata,
    uuid_column("content_id", primary_key=True),
    *resource_columns(),
    uuid_column("task_id"),
    uuid_column("cluster_id"),
    sa.Column("content_type", sa.Text, nullable=False),
    sa.Column("content_structure", sa.Text, nullable=False),
    sa.Column("text_version", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("approved_version", sa.Integer),
    sa.Column("published_version", sa.Integer),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("slug", sa.Text, nullable=False),
    sa.Column("excerpt", sa.Text, nullable=False),
    sa.Column("meta_title", sa.Text, nullable=False),
    sa.Column("meta_description", sa.Text, nullable=False),
    sa.Column("primary_keyword", sa.Text, nullable=False),
    sa.Column("secondary_keywords", JSONB, nullable=False),
    sa.Column("tags", JSONB, nullable=False),
    sa.Column("categories", JSONB, nullable=False),
    sa.Column("word_count", sa.Integer, nullable=False),
    sa.Column("html", sa.Text),
    sa.Column("object", JSONB(none_as_null=True)),
    sa.Column("external_id", sa.Text),
    sa.Column("external_url", sa.Text),
    sa.Column("error_code", sa.Text),
    sa.Column("error", sa.Text),
)
content_versions = sa.Table(
    "content_versions",
    metadata,
    uuid_column("account_id"),
    uuid_column("content_id", primary_key=True),
    sa.Column("text_version", sa.Integer, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("word_count", sa.Integer, nullable=False),
    sa.Column("html", sa.Text),
    sa.Column("object", JSONB(none_as_null=True)),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
    for fact in recorded:
        id = StreamName.parse(fact.stream).id
        match fact.event:
            case ContentWritten() | ContentEdited():
                await _new_version(sql, fact)
            case ContentSubmitted():
                await change_rows(sql, content, fact, [id], status=_if(content.c.status == "draft", "review"))
            case ContentApproved(text_version=version):
                await change_rows(sql, content, fact, [id], approved_version=version)
            case ContentRejected():
                await change_rows(sql, content, fact, [id], status="draft", approved_version=None)
            case ContentReleased():
                await change_rows(sql, content, fact, [id], error_code=None, error=None)
            case ContentPublished(text_version=version, external_id=external_id, external_url=url):
                await change_rows(
                    sql,
                    content,
                    fact,
                    [id],
                    status=_if(content.c.text_version == version, "published"),
                    published_version=version,
                    external_id=external_id,
                    external_url=url,
                    error_code=None,
                    error=None,
                )
            case ContentPublicationFailed(error_code=code, message=message):
                await change_rows(sql, content, fact, [id], error_code=code, error=message)
            case ContentUnpublished():
                status = _if(content.c.status == "published", "review")
                await change_rows(sql, content, fact, [id], status=status, published_version=None)
            case ContentArchived():
                await change_rows(sql, content, fact, [id], archived=True)
            case ContentRestored():
                await change_rows(sql, content, fact, [id], archived=False)


async def _new_version(sql: Sql, fact: Recorded[ContentWritten | ContentEdited]) -> None:
    event = fact.event
    id = StreamName.parse(fact.stream).id
    columns = _columns(event.text) | msgspec.structs.asdict(event.origin)
    columns |= {"text_version": event.text_version, "status": "draft", "approved_version": None}
    if fact.version == 1:
        await add_rows(sql, content, fact, [{"content_id": id, **columns}])
    else:
        await change_rows(sql, content, fact, [id], archived=False, **columns)
    await sql.execute(
        insert(content_versions)
        .values(
            account_id=fact.account_id,
            content_id=id,
            text_version=event.text_version,
            title=event.text.title,
            word_count=event.text.body.words,
            html=columns["html"],
            object=columns["object"],
            actor=fact.meta.actor,
            created_at=fact.recorded_at,
        )
        .on_conflict_do_nothing()
    )


def _columns(text: ContentText) -> dict[str, Any]:
    columns: dict[str, Any] = msgspec.to_builtins(text)
    body = columns.pop("body")
    return columns | {"word_count": body["words"], "html": body.get("html"), "object": body.get("object")}


def _if(condition: "sa.ColumnElement[bool]", status: str) -> "sa.ColumnElement[str]":
    return sa.case((condition, status), else_=content.c.status)


PROJECTION = Projection("content", (CONTENT.category,), (content, content_versions), apply)
