"""What the gateway hears, and what it notes of it: rows for progress, and a live update."""

from typing import Any

from common.contracts.billing import CreditsDeducted, CreditsRefused, CreditsReserved
from common.contracts.operations import (
    REFUSALS,
    AIOperationCancelled,
    AIOperationFailed,
    AIOperationRequested,
)
from common.contracts.planner import (
    IdeasGenerated,
    KeywordsClustered,
    PipelineRunCancelled,
    PipelineRunFinished,
    PipelineRunPaused,
    PipelineRunResumed,
    PipelineRunStarted,
    PipelineStageFinished,
    PipelineStageStarted,
)
from common.contracts.publisher import ContentPublished, PublishFailed
from common.contracts.writer import ContentGenerated, ImagePromptsGenerated, ImagesGenerated
from common.database import Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions
from common.plan_limits import explain
from common.views import upsert_rows

from gateway.activity.live import LiveUpdates
from gateway.activity.views import end_operation, items, operations, runs, stages

NO_CREDITS = "Not enough credits for this operation."
OUTCOMES = (KeywordsClustered, IdeasGenerated, ContentGenerated, ImagePromptsGenerated, ImagesGenerated)


def reactions(live: LiveUpdates) -> Reactions:
    """Notes first, so that who is told of an event can already ask for what it changed."""
    heard = Reactions().include([notes])
    heard.on(*notes.contracts, ContentPublished, PublishFailed)(live.record)
    return heard


notes = Reactions(of_replicas=True)


def _operation(event: Heard[Any]) -> dict[str, Any]:
    return {"account_id": event.account_id, "operation_id": event.data.operation_id}


def _item(event: Heard[Any]) -> dict[str, Any]:
    return {**_operation(event), "item_id": event.data.item_id}


def _run(event: Heard[Any]) -> dict[str, Any]:
    return {"account_id": event.account_id, "run_id": event.data.run_id}


def _stage(event: Heard[Any]) -> dict[str, Any]:
    return {**_run(event), "stage": event.data.stage}


@notes.on(AIOperationRequested)
async def requested(event: Heard[AIOperationRequested], tx: Transaction) -> None:
    data = event.data
    values = {
        "function": data.function,
        "items": len(data.items),
        "site_id": data.site_id,
        "sector_id": data.sector_id,
        "run_id": data.run_id,
        "requested_at": event.time,
    }
    await upsert_rows(tx, operations, [_operation(event) | values])


@notes.on(CreditsReserved)
async def reserved(event: Heard[CreditsReserved], tx: Transaction) -> None:
    await upsert_rows(tx, operations, [_operation(event) | {"reserved_at": event.time}])


@notes.on(CreditsRefused)
async def refused(event: Heard[CreditsRefused], tx: Transaction) -> None:
    reached = event.data.reached
    message = NO_CREDITS if reached is None else explain(reached)
    await end_operation(tx, event.account_id, event.data.operation_id, "refused", message)


@notes.on(CreditsDeducted)
async def deducted(event: Heard[CreditsDeducted], tx: Transaction) -> None:
    await upsert_rows(tx, items, [_item(event) | {"credits": event.data.amount}])


@notes.on(*OUTCOMES)
async def succeeded(event: Heard[Any], tx: Transaction) -> None:
    if getattr(event.data, "charge", None) is None:  # a part of a long list: the last one carries the charge
        return
    values = {"outcome": "succeeded", "error_code": None, "message": None}
    await upsert_rows(tx, items, [_item(event) | values])


@notes.on(AIOperationFailed)
async def failed(event: Heard[AIOperationFailed], tx: Transaction) -> None:
    data = event.data
    if data.item_id is None:
        ended = "refused" if data.error_code in REFUSALS else "failed"
        message = NO_CREDITS if data.error_code == "INSUFFICIENT_CREDITS" else data.message
        await end_operation(tx, event.account_id, data.operation_id, ended, message)
        return
    # An item that succeeded stays so: its success is the later and final word, whichever is heard first.
    await tx.execute(
        "INSERT INTO activity_items (account_id, operation_id, item_id, outcome, error_code, message)"
        " VALUES (%(account_id)s, %(operation_id)s, %(item_id)s, 'failed', %(code)s, %(message)s)"
        " ON CONFLICT (account_id, operation_id, item_id) DO UPDATE SET outcome = excluded.outcome,"
        " error_code = excluded.error_code, message = excluded.message"
        " WHERE activity_items.outcome IS DISTINCT FROM 'succeeded'",
        {**_item(event), "code": data.error_code, "message": data.message},
    )


@notes.on(AIOperationCancelled)
async def cancelled(event: Heard[AIOperationCancelled], tx: Transaction) -> None:
    await end_operation(tx, event.account_id, event.data.operation_id, "cancelled", event.data.reason)


@notes.on(PipelineRunStarted)
async def run_started(event: Heard[PipelineRunStarted], tx: Transaction) -> None:
    data = event.data
    values = {"site_id": data.site_id, "sector_id": data.sector_id, "started_at": event.time}
    await upsert_rows(tx, runs, [_run(event) | values])


@notes.on(PipelineRunPaused, PipelineRunResumed)
async def run_paused(event: Heard[Any], tx: Transaction) -> None:
    values = {"paused": isinstance(event.data, PipelineRunPaused), "paused_version": event.version}
    await upsert_rows(tx, runs, [_run(event) | values], newer_by="paused_version")


@notes.on(PipelineRunCancelled)
async def run_cancelled(event: Heard[PipelineRunCancelled], tx: Transaction) -> None:
    await upsert_rows(tx, runs, [_run(event) | {"cancelled": True}])


@notes.on(PipelineRunFinished)
async def run_finished(event: Heard[PipelineRunFinished], tx: Transaction) -> None:
    values = {"outcome": event.data.outcome, "reason": event.data.reason}
    await upsert_rows(tx, runs, [_run(event) | values])


@notes.on(PipelineStageStarted)
async def stage_started(event: Heard[PipelineStageStarted], tx: Transaction) -> None:
    """A stage that is retried starts again: the later start counts."""
    values = {"planned": len(event.data.items), "started_version": event.version}
    await upsert_rows(tx, stages, [_stage(event) | values], newer_by="started_version")


@notes.on(PipelineStageFinished)
async def stage_finished(event: Heard[PipelineStageFinished], tx: Transaction) -> None:
    data = event.data
    values = {
        "items": data.items,
        "failed": data.failed,
        "credits": data.credits,
        "finished_version": event.version,
    }
    await upsert_rows(tx, stages, [_stage(event) | values], newer_by="finished_version")
