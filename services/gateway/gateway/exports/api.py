"""Routes of exports of the account."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from common.api.answers import Listed, Success, TaskAccepted
from common.api.caller import Caller
from common.api.envelope import Answer, accepted, answer
from common.api.errors import ApiError, not_found
from common.api.paging import Page, paginate
from common.api.runtime import Runtime
from common.contracts.base import SERVICES
from common.contracts.operations import ObjectRef
from common.database import Row, Sql, Transaction
from common.objects import ObjectMissing
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from msgspec import convert
from pydantic import BaseModel, Field

from gateway.exports.archive import MEDIA_TYPE, archive
from gateway.exports.decisions import EXPORT, RequestExport
from gateway.exports.events import Status
from gateway.exports.jobs import expire_at
from gateway.exports.views import export_row, exports

router = APIRouter(prefix="/api/v1/account/export", tags=["account"])

KEPT = "7 days"
"""Long enough to fetch it; a copy of everything is not to lie about."""
FILE = "/api/v1/account/export/{}/file/"


class ExportOut(BaseModel):
    id: UUID
    status: Status
    services: list[str] = Field(description="Those whose part is there.")
    bytes: int = Field(description="Of the lines; files come on top.")
    file: str | None = Field(description="Where it is downloaded, once it is complete.")
    error: str | None
    expires_at: datetime
    version: int
    created_at: datetime
    updated_at: datetime


@router.post("/", status_code=202, summary="Export the account", response_model=Success[TaskAccepted])
async def request_export(caller: Caller, runtime: Runtime) -> Answer:
    """Everything that the account has in any service: JSON lines, articles and images. Where one is being made already,
    that one is the answer. The task's id is the export's."""
    export_id = caller.new_id("export")

    async def work(tx: Transaction) -> UUID:
        await tx.lock()
        running = await tx.scalar(
            sa.select(exports.c.id).where(exports.c.status == "running", exports.c.expires_at > sa.func.now())
        )
        if running is not None:
            return UUID(str(running))
        expires_at: datetime = await tx.scalar(f"SELECT now() + interval '{KEPT}'")
        handled = await tx.handle(
            EXPORT, export_id, RequestExport(export_id, expires_at.astimezone(UTC).isoformat())
        )
        if handled.events:
            await expire_at(tx, export_id, expires_at)
        return export_id

    return accepted(await runtime.database.run(caller.account_id, work, caller.meta))


@router.get("/", summary="List exports", response_model=Success[Listed[ExportOut]])
async def list_exports(caller: Caller, runtime: Runtime, page: Page, request: Request) -> Answer:
    columns: dict[str, sa.ColumnElement[Any]] = {"created_at": exports.c.created_at}
    async with runtime.database.transaction(caller.account_id) as tx:
        found = await paginate(
            tx, sa.select(exports), page, request, ordering=columns, tie=exports.c.id, show=_shown
        )
    return answer(found)


@router.get("/{export_id}/", summary="An export", response_model=Success[ExportOut])
async def get_export(export_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(_shown(await _row(tx, export_id)))


@router.get(
    "/{export_id}/file/",
    summary="An export's archive (tar)",
    response_class=StreamingResponse,
    responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def export_file(export_id: UUID, caller: Caller, runtime: Runtime) -> StreamingResponse:
    """`<service>.jsonl` for each service: a line is `{"kind", "id", "fields"}`. Lines of kind `file` name what lies in
    `files/`. Secrets and passwords are not in it."""
    async with runtime.database.transaction(caller.account_id) as tx:
        row = await _row(tx, export_id)
    if row["status"] != "completed":
        raise ApiError(
            "EXPORT_NOT_READY", f"This export is {row['status']}; there is nothing to download.", status=409
        )
    parts = {service: convert(row["parts"][service], ObjectRef) for service in SERVICES}
    pieces = archive(runtime.objects.of(caller.account_id), parts, row["created_at"])
    try:
        beginning = [await anext(pieces), await anext(pieces)]
    except ObjectMissing as error:
        raise not_found("Export", export_id) from error

    async def body() -> AsyncIterator[bytes]:
        for piece in beginning:
            yield piece
        async for piece in pieces:
            yield piece

    return StreamingResponse(
        body(),
        media_type=MEDIA_TYPE,
        headers={
            "Content-Disposition": f'attachment; filename="export-{export_id}.tar"',
            "Cache-Control": "no-store",
        },
    )


async def _row(sql: Sql, export_id: UUID) -> Row:
    row = await export_row(sql, export_id)
    if row is None:
        raise not_found("Export", export_id)
    return row


def _shown(row: Row) -> ExportOut:
    there = {**row, "services": sorted(row["parts"]), "bytes": sum(p["size"] for p in row["parts"].values())}
    file = FILE.format(row["id"]) if row["status"] == "completed" else None
    return ExportOut(**{name: there[name] for name in ExportOut.model_fields if name != "file"}, file=file)
