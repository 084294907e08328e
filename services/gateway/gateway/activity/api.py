"""Routes of progress and live updates."""

import asyncio
from time import monotonic
from typing import Annotated
from uuid import UUID

from common.api.caller import Caller
from common.api.envelope import Answer, answer
from common.api.errors import not_found
from common.api.runtime import Runtime
from common.replicas.causal import LONGEST_WAIT_SECONDS
from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from gateway.activity.progress import operation_progress, run_progress
from gateway.activity.views import progress_rows, run_rows
from gateway.parts import Parts

router = APIRouter(prefix="/api/v1", tags=["system"])


@router.get("/system/settings/task_progress/{task_id}/", summary="Progress of an AI task or a pipeline run")
async def task_progress(task_id: UUID, caller: Caller, runtime: Runtime, parts: Parts) -> Answer:
    deadline = monotonic() + LONGEST_WAIT_SECONDS
    while True:
        async with runtime.database.transaction(caller.account_id) as tx:
            operation, ended = await progress_rows(tx, task_id)
            run, stages = (None, []) if operation else await run_rows(tx, task_id)
        if operation or run or monotonic() > deadline:
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
    else:
        raise not_found("Task", task_id)
    return answer({"task_id": task_id, **progress})


@router.get(
    "/events/",
    tags=["live"],
    summary="Live updates as server-sent events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def events(
    caller: Caller,
    parts: Parts,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    after = int(last_event_id) if last_event_id and last_event_id.isdecimal() else None
    return StreamingResponse(
        parts.live.stream(caller.account_id, after, caller.site_ids),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
