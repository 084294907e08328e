"""Images as a table; a row without a file is a prompt."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from common.database import Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import add_rows, change_rows, resource_columns, uuid_column
from sqlalchemy.dialects.postgresql import JSONB

from writer import metadata
from writer.images.decisions import GALLERY
from writer.images.events import (
    ImageAdded,
    ImageArchived,
    ImageChanged,
    ImageDraft,
    ImageFailed,
    ImageGenerated,
    ImagePromptsWritten,
    ImageRestored,
)

images = sa.Table(
    "images",
    metadata,
    uuid_column("image_id", primary_key=True),
    *resource_columns(),
    uuid_column("content_id"),
    sa.Column("image_type", sa.Text, nullable=False),
    sa.Column("prompt", sa.Text, nullable=False),
    sa.Column("alt_text", sa.Text, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("object", JSONB(none_as_null=True)),
    sa.Column("error_code", sa.Text),
    sa.Column("error", sa.Text),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
    for fact in recorded:
        match fact.event:
            case ImagePromptsWritten(images=drafts):
                await _put_aside(sql, fact)
                await _add(sql, fact, drafts)
            case ImageAdded(image=draft):
                await _add(sql, fact, (draft,))
            case ImageChanged(image=draft, status=status):
                await change_rows(
                    sql,
                    images,
                    fact,
                    [draft.image_id],
                    prompt=draft.prompt,
                    alt_text=draft.alt_text,
                    status=status,
                )
            case ImageGenerated(image_id=id, object=object):
                await change_rows(
                    sql,
                    images,
                    fact,
                    [id],
                    status="generated",
                    object=msgspec.to_builtins(object),
                    error_code=None,
                    error=None,
                )
            case ImageFailed(image_id=id, error_code=code, message=message):
                kept = sa.case((images.c.status == "generated", "generated"), else_="failed")
                await change_rows(sql, images, fact, [id], status=kept, error_code=code, error=message)
            case ImageArchived(image_id=id):
                await change_rows(sql, images, fact, [id], archived=True)
            case ImageRestored(image_id=id):
                await change_rows(sql, images, fact, [id], archived=False)


async def _put_aside(sql: Sql, fact: Recorded[ImagePromptsWritten]) -> None:
    await sql.execute(
        sa.update(images)
        .where(
            images.c.content_id == fact.event.content_id,
            images.c.status != "generated",
            ~images.c.archived,
            images.c.version < fact.version,
        )
        .values(version=fact.version, updated_at=fact.recorded_at, archived=True)
    )


async def _add(
    sql: Sql, fact: Recorded[ImagePromptsWritten | ImageAdded], drafts: Sequence[ImageDraft]
) -> None:
    of = {
        "site_id": fact.event.site_id,
        "sector_id": fact.event.sector_id,
        "content_id": fact.event.content_id,
        "status": "pending",
    }
    await add_rows(sql, images, fact, [of | msgspec.structs.asdict(draft) for draft in drafts])


PROJECTION = Projection("images", (GALLERY.category,), (images,), apply)
