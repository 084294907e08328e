"""Exports as a table: how far each is, and where its parts are."""

from collections.abc import Sequence
from typing import Any, assert_never
from uuid import UUID

import msgspec
import sqlalchemy as sa
from common.contracts.base import SERVICES
from common.database import Row, Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import change_rows, put_rows, time_columns, uuid_column
from sqlalchemy.dialects.postgresql import JSONB

from gateway import metadata
from gateway.exports.decisions import EXPORT
from gateway.exports.events import (
    ExportCompleted,
    ExportEvent,
    ExportExpired,
    ExportFailed,
    ExportPartAdded,
    ExportRequested,
)

exports = sa.Table(
    "exports",
    metadata,
    uuid_column("account_id"),
    uuid_column("id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("parts", JSONB, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    *time_columns(),
)
"""`parts` by service: where each is in the account's part of the object store."""


async def apply(sql: Sql, recorded: Sequence[Recorded[ExportEvent]]) -> None:
    for fact in recorded:
        await _apply(sql, fact, UUID(fact.stream.partition("-")[2]))


async def _apply(sql: Sql, fact: Recorded[ExportEvent], id: UUID) -> None:
    event = fact.event
    match event:
        case ExportRequested(_, expires_at):
            row = {"id": id, "status": "running", "parts": {}, "expires_at": expires_at}
            await put_rows(sql, exports, fact, [row])
        case ExportPartAdded(service, part):
            more = sa.literal({service: msgspec.to_builtins(part)}, JSONB)
            await change_rows(sql, exports, fact, [id], parts=exports.c.parts.op("||")(more))
        case ExportCompleted():
            await change_rows(sql, exports, fact, [id], status="completed")
        case ExportFailed(service, reason):
            await change_rows(sql, exports, fact, [id], status="failed", error=f"{service}: {reason}")
        case ExportExpired():
            await change_rows(sql, exports, fact, [id], status="expired")
        case _:
            assert_never(event)


PROJECTION = Projection("exports", (EXPORT.category,), (exports,), apply)


async def export_row(sql: Sql, export_id: UUID) -> Row | None:
    return await sql.first(sa.select(exports).where(exports.c.id == export_id))


def export_progress(export: Row) -> dict[str, Any]:
    """An export as the progress of a task: a service is an item."""
    written, status = len(export["parts"]), export["status"]
    done = status != "running"
    failed = status == "failed"
    return {
        "status": "failed" if failed else "completed" if done else "running",
        "phase": "Failed" if failed else "Completed" if done else "Processing",
        "function": "export_account",
        "item": written if done else min(written + 1, len(SERVICES)),
        "items": len(SERVICES),
        "percent": 100 if done else 100 * written // len(SERVICES),
        "credits": 0.0,
        "error": export["error"],
    }
