"""Uploading a keyword file, and asking what became of it."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from common.api.answers import Success, TaskAccepted
from common.api.caller import Caller
from common.api.envelope import Answer, accepted, answer
from common.api.errors import ApiError, validation
from common.api.runtime import Runtime
from common.api.scope import require_place, require_row
from common.api.uploads import file_of, read_form
from common.database import Transaction
from common.jobs.job import IMPORT as IMPORT_PRIORITY
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile

from planner.answers import Resource, shown
from planner.imports import views
from planner.imports.decisions import IMPORT, AcceptImport
from planner.imports.events import ImportAccepted
from planner.imports.jobs import READ_FILE
from planner.keyword_files import KeywordFileRefused, Limits, read_keywords

router = APIRouter(prefix="/api/v1/planner", tags=["planner"])
MOST_BYTES = Limits().max_bytes


class RowFaultOut(BaseModel):
    line: int
    column: str | None
    value: str
    reason: str


class ImportOut(Resource):
    """`read` = `new` + `duplicates` + `failed`, null while it runs; `errors` holds the first 1,000."""

    filename: str
    status: str
    reason: str | None
    read: int | None
    new: int | None
    duplicates: int | None
    failed: int | None
    errors: list[RowFaultOut]
    warnings: list[str]


_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "site_id", "sector_id"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "CSV or XLSX, at most 100 MB",
                        },
                        "site_id": {"type": "string", "format": "uuid"},
                        "sector_id": {"type": "string", "format": "uuid"},
                    },
                }
            }
        },
    }
}


@router.post(
    "/keywords/import_csv/",
    summary="Import a keyword file",
    status_code=202,
    response_model=Success[TaskAccepted],
    responses={200: {"model": Success[ImportOut]}},
    openapi_extra=_FORM,
)
async def import_csv(caller: Caller, runtime: Runtime, request: Request) -> Answer:
    """Refuses what is no keyword list at once; reads the rows in the background."""
    form = await read_form(request, MOST_BYTES)
    try:
        site_id, sector_id, upload = _id(form, "site_id"), _id(form, "sector_id"), file_of(form)
        async with runtime.database.transaction(caller.account_id) as tx:
            await require_place(tx, site_id, sector_id, caller)
        filename = Path(upload.filename or "upload").name[:255]
        body = await asyncio.to_thread(_checked, upload, filename)
    finally:
        await form.close()
    objects = runtime.objects.of(caller.account_id)
    file = await objects.put(body, upload.content_type or "application/octet-stream")
    import_id = caller.new_id(f"import {sector_id} {filename} {file.sha256}")

    async def work(tx: Transaction) -> None:
        command = AcceptImport(ImportAccepted(site_id, sector_id, filename, file))
        if (await tx.handle(IMPORT, import_id, command)).events:
            await READ_FILE.defer(
                await tx.reach(),
                account_id=tx.account_id,
                meta=tx.meta,
                arguments={"import_id": import_id},
                priority=IMPORT_PRIORITY,
            )

    await runtime.database.run(caller.account_id, work, caller.meta)
    return accepted(import_id, "/api/v1/planner/imports/{}/")


@router.get("/imports/{import_id}/", summary="What became of an import", response_model=Success[ImportOut])
async def get_import(caller: Caller, runtime: Runtime, import_id: UUID) -> Answer:
    table = views.imports
    async with runtime.database.transaction(caller.account_id) as tx:
        row = await require_row(tx, sa.select(table), table, "Import", import_id, caller)
    none: dict[str, Any] = dict.fromkeys(("read", "new", "duplicates", "failed"))
    result = none | {"errors": [], "warnings": []} | (row["result"] or {})
    data = shown(row, "import_id") | result
    del data["result"]
    return answer(data)


def _id(form: FormData, field: str) -> UUID:
    try:
        return UUID(str(form[field]))
    except KeyError:
        raise validation(field, "is required") from None
    except ValueError:
        raise validation(field, "is no UUID") from None


def _checked(upload: UploadFile, filename: str) -> bytes:
    """The bytes of a file that has keywords. Raises 400 with what is wrong with it."""
    body = upload.file.read()
    with tempfile.TemporaryDirectory(prefix="igny8-upload-") as directory:
        path = Path(directory) / "upload"
        path.write_bytes(body)
        try:
            read_keywords(path, filename=filename)
        except KeywordFileRefused as error:
            raise ApiError(
                "VALIDATION_ERROR",
                error.message,
                status=400,
                errors={"file": [error.message]},
                details={"reason": error.code.value, **error.details},
            ) from error
    return body
