"""The replica of articles: which there are, and whether they may go out. The writer decides when it is asked to hand one over."""

import asyncio
from time import monotonic
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from common.api.caller import CallerOf
from common.api.errors import ApiError, conflict
from common.api.scope import require_row
from common.contracts.writer import (
    ContentApproved,
    ContentArchived,
    ContentChanged,
    ContentGenerated,
    ContentReadyToPublish,
    ContentRejected,
    ContentRestored,
)
from common.database import Database, Row, Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions
from common.views import upsert_rows, uuid_column

from publisher import metadata

LONGEST_WAIT_SECONDS = 1.0
"""What was said a moment ago arrives within some 100 ms; whoever names an id that nobody has waits as long."""
POLL_SECONDS = 0.05

replica_content = sa.Table(
    "replica_content",
    metadata,
    uuid_column("account_id"),
    uuid_column("content_id", primary_key=True),
    uuid_column("site_id", nullable=True),
    sa.Column("approved", sa.Boolean, nullable=False),
    sa.Column("approval_version", sa.Integer, nullable=False),
    sa.Column("archived", sa.Boolean, nullable=False),
    sa.Column("archival_version", sa.Integer, nullable=False),
)
"""`…_version` is that of the article's stream when it was last said whether it is approved, or archived: each event
speaks of some of the columns only, and the latest word on each counts, whichever is heard first."""

_PLACED = sa.select(replica_content).where(replica_content.c.site_id.is_not(None))

reactions = Reactions(of_replicas=True)


@reactions.on(ContentGenerated)
async def written(event: Heard[ContentGenerated], tx: Transaction) -> None:
    """Also written anew: then what was approved is another text, and an archived article is back."""
    await _placed(event, tx)
    await _approved(event, tx, False)
    await _archived(event, tx, False)


@reactions.on(ContentChanged)
async def edited(event: Heard[ContentChanged], tx: Transaction) -> None:
    await _placed(event, tx)
    await _approved(event, tx, False)


@reactions.on(ContentApproved)
async def approved(event: Heard[ContentApproved], tx: Transaction) -> None:
    await _approved(event, tx, True)


@reactions.on(ContentReadyToPublish)
async def handed_over(event: Heard[ContentReadyToPublish], tx: Transaction) -> None:
    await _placed(event, tx)
    await _approved(event, tx, True)


@reactions.on(ContentRejected)
async def rejected(event: Heard[ContentRejected], tx: Transaction) -> None:
    await _approved(event, tx, False)


@reactions.on(ContentArchived)
async def archived(event: Heard[ContentArchived], tx: Transaction) -> None:
    await _archived(event, tx, True)


@reactions.on(ContentRestored)
async def restored(event: Heard[ContentRestored], tx: Transaction) -> None:
    await _archived(event, tx, False)


async def _placed(event: Heard[Any], tx: Transaction) -> None:
    await upsert_rows(tx, replica_content, [_key(event) | {"site_id": event.data.site_id}])


async def _approved(event: Heard[Any], tx: Transaction, approved: bool) -> None:
    row = _key(event) | {"approved": approved, "approval_version": event.version}
    await upsert_rows(tx, replica_content, [row], newer_by="approval_version")


async def _archived(event: Heard[Any], tx: Transaction, archived: bool) -> None:
    row = _key(event) | {"archived": archived, "archival_version": event.version}
    await upsert_rows(tx, replica_content, [row], newer_by="archival_version")


def _key(event: Heard[Any]) -> dict[str, Any]:
    return {"account_id": event.account_id, "content_id": event.data.content_id}


async def require_approved(database: Database, content_id: UUID, caller: CallerOf) -> Row:
    """The article's row. Raises 404 where it is not the caller's or is archived, 409 where it is not approved.

    The replica may not have heard yet what the caller did at the writer a moment ago: it is asked again for about a
    second before the answer is no, whatever the reason, so that time tells nobody which ids there are.
    """
    deadline = monotonic() + LONGEST_WAIT_SECONDS
    while True:
        try:
            async with database.transaction(caller.account_id) as tx:
                row = await require_row(tx, _PLACED, replica_content, "Content", content_id, caller)
            if row["approved"]:
                return row
            raise conflict(
                "INVALID_TRANSITION",
                f"Content {content_id} is not approved, or was changed since; approve it, which also publishes it"
                f" (POST /api/v1/writer/content/{content_id}/approve/).",
            )
        except ApiError:
            if monotonic() > deadline:
                raise
        await asyncio.sleep(POLL_SECONDS)
