"""Imports as a table."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from common.database import Sql
from common.eventsourcing.decider import StreamName
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import add_rows, change_rows, resource_columns, uuid_column
from sqlalchemy.dialects.postgresql import JSONB

from planner import metadata
from planner.imports.decisions import IMPORT
from planner.imports.events import ImportAccepted, ImportFailed, ImportFinished

imports = sa.Table(
    "imports",
    metadata,
    uuid_column("import_id", primary_key=True),
    *resource_columns(),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("result", JSONB),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
    for fact in recorded:
        import_id = StreamName.parse(fact.stream).id
        match fact.event:
            case ImportAccepted(site_id, sector_id, filename):
                row = {
                    "import_id": import_id,
                    "site_id": site_id,
                    "sector_id": sector_id,
                    "filename": filename,
                    "status": "running",
                }
                await add_rows(sql, imports, fact, [row])
            case ImportFinished(result):
                shown = msgspec.to_builtins(result)
                await change_rows(sql, imports, fact, [import_id], status="completed", result=shown)
            case ImportFailed(reason):
                await change_rows(sql, imports, fact, [import_id], status="failed", reason=reason)


PROJECTION = Projection("imports", (IMPORT.category,), (imports,), apply)
