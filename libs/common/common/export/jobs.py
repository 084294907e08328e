"""Writing a service's part of an export: a line for each row of its tables, and for each body they name.

A line is `{"kind", "id", "fields"}`: the table, the row's key, and what there is in it. What is read is read as the
account: a table's row-level security lets nobody else's row into it.
"""

import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from mimetypes import guess_extension
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from common.api.runtime import RuntimeOf
from common.contracts.operations import ObjectRef
from common.crash_points import crash_point
from common.database import Row, Transaction
from common.export.decisions import EXPORT_PART, FinishPart, GiveUpPart, PartCommand
from common.jobs.job import IMPORT, Job
from common.jobs.worker import JobHandler, Work
from common.model import ServiceModel
from common.objects import ObjectStore

WRITE_PART = Job("write_export_part", time_limit=900, priority=IMPORT)
"""A million rows take about a minute."""
MEDIA_TYPE = "application/jsonl"
FILE = b'{"kind":"file",'
"""How the line of a body begins."""

Show = Callable[[sa.Table, Row], Mapping[str, Any]]


@dataclass(frozen=True)
class Exported:
    """The tables of a service that an export holds, and how their rows are shown."""

    tables: tuple[sa.Table, ...]
    shown: Callable[[RuntimeOf, UUID], Awaitable[Show]]


def all_of(model: ServiceModel) -> Exported:
    """A tenant's rows in all views of a service, as they are."""
    tables = (table for projection in model.projections for table in projection.tables)

    async def shown(_runtime: RuntimeOf, _account_id: UUID) -> Show:
        return lambda _table, row: row

    return Exported(tuple(table for table in tables if "account_id" in table.c), shown)


def path_of(ref: ObjectRef) -> str:
    """Where a body lies in an export."""
    return f"files/{ref.sha256}{guess_extension(ref.media_type.partition(';')[0]) or ''}"


def handler(runtime: RuntimeOf, exported: Exported) -> JobHandler:
    """The job `WRITE_PART`."""

    async def run(work: Work) -> None:
        export_id = UUID(work.arguments["export_id"])
        async with runtime.database.transaction(work.account_id) as tx:
            part, _ = await tx.load(EXPORT_PART, export_id)
        if part.ended:
            return
        crash_point("export.before_rows")
        objects = runtime.objects.of(work.account_id)
        show = await exported.shown(runtime, work.account_id)
        with tempfile.TemporaryDirectory(prefix="igny8-export-") as directory:
            path = Path(directory) / "part"
            with path.open("wb") as file:
                _write(file, "export", export_id, {"service": runtime.service, "account_id": work.account_id})
                bodies: dict[str, ObjectRef] = {}
                for table in exported.tables:
                    async with runtime.database.transaction(work.account_id) as tx:
                        await _write_rows(tx, table, show, file, bodies)
                await _write_bodies(objects, file, bodies)
            crash_point("export.after_rows")
            written = await objects.put_file(path, MEDIA_TYPE)
        crash_point("export.after_file")
        await _end(runtime, work, FinishPart(export_id, written))
        crash_point("export.after_record")

    async def give_up(work: Work, error: BaseException) -> None:
        # The name alone: an error's text may quote what was being written.
        await _end(
            runtime,
            work,
            GiveUpPart(UUID(work.arguments["export_id"]), f"It ended with {type(error).__name__}."),
        )

    return JobHandler(WRITE_PART, run, give_up)


async def _end(runtime: RuntimeOf, work: Work, command: PartCommand) -> None:
    async def end(tx: Transaction) -> None:
        await tx.handle(EXPORT_PART, command.export_id, command)

    await runtime.database.run(work.account_id, end, work.meta)


async def _write_rows(
    tx: Transaction, table: sa.Table, show: Show, file: IO[bytes], bodies: dict[str, ObjectRef]
) -> None:
    keys = [column.name for column in table.primary_key if column.name != "account_id"]
    async for row in tx.stream(sa.select(table)):
        fields = {name: value for name, value in show(table, row).items() if name != "account_id"}
        _write(file, table.name, "/".join(str(row[key]) for key in keys) or row["account_id"], fields)
        if row.get("object"):
            ref = msgspec.convert(row["object"], ObjectRef)
            bodies[ref.sha256] = ref


async def _write_bodies(objects: ObjectStore, file: IO[bytes], bodies: Mapping[str, ObjectRef]) -> None:
    """The lines of those that are there."""
    for sha256, ref in bodies.items():
        if await objects.has(ref):
            _write(file, "file", sha256, msgspec.to_builtins(ref) | {"path": path_of(ref)})


def _write(file: IO[bytes], kind: str, id: object, fields: Mapping[str, Any]) -> None:
    file.write(msgspec.json.encode({"kind": str(kind), "id": str(id), "fields": fields}) + b"\n")
