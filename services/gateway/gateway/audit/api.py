"""The audit log for owners and admins: as a list, or whole as CSV."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import sqlalchemy as sa
from common.api.answers import Listed, Success
from common.api.caller import Caller
from common.api.envelope import answer
from common.api.paging import Page, paginate
from common.api.runtime import Runtime, RuntimeOf
from common.database import Row
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field

from gateway.audit.views import Outcome, entries, filtered, outcome_of
from gateway.parts import Parts
from gateway.personal import Fields

router = APIRouter(prefix="/api/v1/account/audit", tags=["account"])

ROWS_A_QUERY = 1_000


class AuditEntryOut(BaseModel):
    id: UUID
    at: datetime
    actor: str = Field(description="`user:<id>` or `api_key:<id>`.")
    on_behalf_of: UUID | None = Field(description="This account, where staff acted for it.")
    action: str = Field(description="Method and route, ids left out: `POST account/sites/{id}/restore/`.")
    object_id: UUID | None = Field(description="What the route names, or what it made.")
    request_id: str = Field(description="Leads to the facts, the logs and the trace.")
    trace_id: str | None
    ip: str | None
    status: int | None
    outcome: Outcome = Field(description="`unknown`: still running, or nobody was left to note the answer.")


COLUMNS = tuple(AuditEntryOut.model_fields)


@router.get(
    "/",
    summary="The audit log, newest first",
    response_model=Success[Listed[AuditEntryOut]],
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def list_entries(
    caller: Caller,
    runtime: Runtime,
    parts: Parts,
    page: Page,
    request: Request,
    actor: Annotated[str | None, Query(max_length=60, description="With or without its kind.")] = None,
    action: Annotated[str | None, Query(max_length=200, description="How the action begins.")] = None,
    object_id: UUID | None = None,
    request_id: Annotated[str | None, Query(max_length=128)] = None,
    outcome: Outcome | None = None,
    since: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    until: Annotated[AwareDatetime | None, Query(alias="to", description="Not included.")] = None,
    format: Annotated[
        Literal["json", "csv"], Query(description="csv: all entries, whatever the page.")
    ] = "json",
) -> Response:
    await parts.audit.flush()  # who has just changed something sees how that ended
    query = filtered(
        actor=actor,
        action=action,
        object_id=object_id,
        request_id=request_id,
        outcome=outcome,
        since=since,
        until=until,
    )
    key = await runtime.secrets.data_key(caller.account_id)

    def show(row: Row) -> dict[str, Any]:
        ip = Fields(key, row["id"]).read("ip", row["ip_cipher"]) if row["ip_cipher"] else None
        known = {**row, "ip": ip, "outcome": outcome_of(row["status"])}
        return {name: known[name] for name in COLUMNS}

    if format == "csv":
        return StreamingResponse(
            _csv(runtime, caller.account_id, query, show),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
        )
    async with runtime.database.transaction(caller.account_id) as tx:
        found = await paginate(
            tx,
            query,
            page,
            request,
            ordering={"at": entries.c.at},
            default="-at",
            tie=entries.c.id,
            show=lambda row: AuditEntryOut(**show(row)),
        )
    return answer(found)


async def _csv(
    runtime: RuntimeOf, account_id: UUID, query: "sa.Select[Any]", show: Any
) -> AsyncIterator[str]:
    """A transaction for each thousand rows: none is held open for as long as a client reads."""
    yield _lines([COLUMNS])
    position = sa.tuple_(entries.c.at, entries.c.id)
    after: Row | None = None
    while True:
        page = query if after is None else query.where(position < (after["at"], after["id"]))
        async with runtime.database.transaction(account_id) as tx:
            rows = await tx.all(page.order_by(entries.c.at.desc(), entries.c.id.desc()).limit(ROWS_A_QUERY))
        if rows:
            yield _lines([_cell(value) for value in show(row).values()] for row in rows)
        if len(rows) < ROWS_A_QUERY:
            return
        after = rows[-1]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    # A request id is the client's: a spreadsheet must not take one for a formula (OWASP, CSV injection).
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _lines(rows: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()
