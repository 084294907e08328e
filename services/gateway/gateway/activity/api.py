"""Routes of progress and live updates."""

import asyncio
from time import monotonic
from typing import Annotated, Literal
from uuid import UUID

from common.api.answers import Success
from common.api.caller import Caller
from common.api.envelope import Answer, answer
from common.api.errors import not_found
from common.api.runtime import Runtime
from common.replicas.causal import LONGEST_WAIT_SECONDS
from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from gateway.activity.live import resume_after
from gateway.activity.progress import operation_progress, run_progress
from gateway.activity.views import progress_rows, run_rows
from gateway.exports.views import export_progress, export_row
from gateway.overview.api import AsOf
from gateway.overview.views import as_of
from gateway.parts import Parts

router = APIRouter(prefix="/api/v1", tags=["system"])


class ItemFault(BaseModel):
    item_id: UUID
    error_code: str
    message: str


class StageOut(BaseModel):
    stage: int
    status: Literal["running", "finished"]
    items: int | None
    failed: int
    credits: float


class ProgressOut(BaseModel):
    """Item `item` of `items`. A task has `succeeded`, `failed` and `errors` of its items, a run has `stages`.

    `as_of` says how far each source has been heard when this was read.
    """

    task_id: UUID
    status: Literal["running", "paused", "completed", "failed", "cancelled"]
    phase: str
    function: str | None
    item: int
    items: int
    percent: int = Field(ge=0, le=100)
    credits: float
    error: str | None
    succeeded: int | None = None
    failed: int | None = None
    step: str | None = None
    errors: list[ItemFault] | None = None
    run_id: UUID | None = None
    stages: list[StageOut] | None = None
    as_of: list[AsOf]


_EXAMPLE = 'id: 12\nevent: ContentPublished\ndata: {"content_id": "0198c5a0-7b1e-7c11-9d3f-2f0f6a1c4e55"}\n\n'


@router.get(
    "/system/settings/task_progress/{task_id}/",
    summary="Progress of an AI task, a pipeline run or an export",
    response_model=Success[ProgressOut],
)
async def task_progress(task_id: UUID, caller: Caller, runtime: Runtime, parts: Parts) -> Answer:
    deadline = monotonic() + LONGEST_WAIT_SECONDS
    while True:
        async with runtime.database.transaction(caller.account_id) as tx:
            known = await as_of(tx)
            operation, ended = await progress_rows(tx, task_id)
            run, stages = (None, []) if operation else await run_rows(tx, task_id)
            export = None if operation or run else await export_row(tx, task_id)
        if operation or run or export or monotonic() > deadline:
            break
        # Its 202 may have been faster than the event that tells us of it (ARCHITECTURE §12).
        await asyncio.sleep(0.1)
    if operation is not None:
        if operation["site_id"] is not None and not caller.may_see(operation["site_id"]):
            raise not_found("Task", task_id)
        progress = operation_progress(operation, ended, parts.live.progress_of(task_id))
    elif run is not None:
        if run["site_id"] is not None and not caller.may_see(run["site_id"]):
            raise not_found("Task", task_id)
        progress = run_progress(run, stages)
    elif export is not None:
        caller.require("manage")
        progress = export_progress(export)
    else:
        raise not_found("Task", task_id)
    return answer({"task_id": task_id, **progress, "as_of": known})


@router.get(
    "/events/",
    tags=["live"],
    summary="Live updates as server-sent events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}}}},
)
async def events(
    caller: Caller,
    parts: Parts,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Ends after five minutes: come again with `Last-Event-ID`, and nothing is missed.

    The same as a WebSocket: `/ws`, each message `{"id", "event", "data"}`. Its token comes as a header, or from a page as
    protocols: `new WebSocket(url, ["igny8", "bearer." + access])`. `?last_event_id=` resumes. Who may not is refused before
    it opens; it is closed with 4401 when the session ends, and 4403 when the caller may not any more.
    """
    parts.live.require_room(caller.account_id)
    after = await parts.live.beginning(caller.account_id, resume_after(last_event_id))
    return StreamingResponse(
        parts.live.stream(caller.account_id, after, caller.site_ids),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
