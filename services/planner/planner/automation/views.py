"""Runs, their stages, items and log as tables."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from common.database import Sql, Transaction
from common.eventsourcing.decider import StreamName
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import add_rows, change_rows, resource_columns, uuid_column
from sqlalchemy.dialects.postgresql import JSONB, insert

from planner import metadata
from planner.automation.events import (
    ArticleDropped,
    ArticleReviewed,
    Run,
    RunCancelled,
    RunEvent,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    StageFinished,
    StageItemCharged,
    StageItemDone,
    StageItemFailed,
    StageStarted,
)
from planner.automation.process import RUN

runs = sa.Table(
    "pipeline_runs",
    metadata,
    uuid_column("run_id", primary_key=True),
    *resource_columns(),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("stage", sa.Integer),
    sa.Column("first_stage", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("settings", JSONB, nullable=False),
    uuid_column("user_id", nullable=True),
    uuid_column("retry_of", nullable=True),
    sa.Column("finished_at", sa.DateTime(timezone=True)),
)
stages = sa.Table(
    "pipeline_stages",
    metadata,
    uuid_column("run_id", primary_key=True),
    sa.Column("stage", sa.Integer, primary_key=True),
    uuid_column("account_id"),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("finished_at", sa.DateTime(timezone=True)),
)
items = sa.Table(
    "pipeline_items",
    metadata,
    uuid_column("run_id", primary_key=True),
    sa.Column("stage", sa.Integer, primary_key=True),
    uuid_column("item_id", primary_key=True),
    uuid_column("account_id"),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("credits", sa.BigInteger, nullable=False),
    sa.Column("error_code", sa.Text),
    sa.Column("error", sa.Text),
)
log = sa.Table(
    "pipeline_log",
    metadata,
    uuid_column("run_id", primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    uuid_column("account_id"),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("stage", sa.Integer),
    uuid_column("item_id", nullable=True),
    sa.Column("message", sa.Text, nullable=False),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
    for fact in recorded:
        run_id = StreamName.parse(fact.stream).id
        await _apply(sql, fact, run_id)
        entry = _entry(fact.event)
        values = {"run_id": run_id, "number": fact.version, "account_id": fact.account_id}
        await sql.execute(
            insert(log)
            .values(**values, at=fact.recorded_at, event=type(fact.event).__name__, **entry)
            .on_conflict_do_nothing()
        )


async def _apply(sql: Sql, fact: Recorded[Any], run_id: UUID) -> None:
    match fact.event:
        case RunStarted() as event:
            row = {
                "run_id": run_id,
                "site_id": event.site_id,
                "sector_id": event.sector_id,
                "status": "running",
                "first_stage": event.first_stage,
                "settings": msgspec.to_builtins(event.settings, str_keys=True),
                "user_id": event.user_id,
                "retry_of": event.retry_of,
            }
            await add_rows(sql, runs, fact, [row])
        case StageStarted(stage=stage, items=ids):
            await _start(sql, fact, run_id, stage, ids)
            await change_rows(sql, runs, fact, [run_id], stage=stage)
        case StageItemDone(stage, item_id):
            await _change_item(sql, run_id, stage, item_id, status="done")
        case StageItemFailed(stage, item_id, error_code, message):
            changes = {"status": "failed", "error_code": error_code, "error": message}
            await _change_item(sql, run_id, stage, item_id, **changes)
        case StageItemCharged(stage, item_id, amount):
            await _change_item(sql, run_id, stage, item_id, credits=amount)
        case StageFinished(stage):
            statement = sa.update(stages).where(stages.c.run_id == run_id, stages.c.stage == stage)
            await sql.execute(statement.values(status="finished", finished_at=fact.recorded_at))
        case RunPaused():
            await change_rows(sql, runs, fact, [run_id], status="paused")
        case RunResumed():
            await change_rows(sql, runs, fact, [run_id], status="running")
        case RunCancelled():
            await _end(sql, fact, run_id, "cancelled", None)
        case RunFinished(outcome, reason):
            await _end(sql, fact, run_id, outcome, reason)


async def _start(sql: Sql, fact: Recorded[Any], run_id: UUID, stage: int, ids: tuple[UUID, ...]) -> None:
    keys = {"run_id": run_id, "stage": stage, "account_id": fact.account_id}
    begun = {"status": "running", "items": len(ids), "started_at": fact.recorded_at}
    await sql.execute(insert(stages).values(**keys, **begun).on_conflict_do_nothing())
    await sql.execute_many(
        insert(items).on_conflict_do_nothing(),
        [{**keys, "item_id": id, "status": "open", "credits": 0} for id in ids],
    )


async def _change_item(sql: Sql, run_id: UUID, stage: int, item_id: UUID, **values: Any) -> None:
    """An item ends once and is charged once: applied twice, the same values come out."""
    keys = (items.c.run_id == run_id, items.c.stage == stage, items.c.item_id == item_id)
    await sql.execute(sa.update(items).where(*keys).values(**values))


async def _end(sql: Sql, fact: Recorded[Any], run_id: UUID, status: str, reason: str | None) -> None:
    await change_rows(sql, runs, fact, [run_id], status=status, reason=reason, finished_at=fact.recorded_at)
    open_stage = (stages.c.run_id == run_id, stages.c.status == "running")
    await sql.execute(
        sa.update(stages).where(*open_stage).values(status=status, finished_at=fact.recorded_at)
    )


def _entry(event: RunEvent) -> dict[str, Any]:
    """The line of the log."""
    match event:
        case RunStarted(first_stage=first):
            return {"stage": None, "item_id": None, "message": f"Started at stage {first}."}
        case StageStarted(stage=stage, items=ids):
            return {"stage": stage, "item_id": None, "message": f"Stage {stage} started, {len(ids)} items."}
        case StageItemDone(stage, item_id):
            return {"stage": stage, "item_id": item_id, "message": "Done."}
        case StageItemFailed(stage, item_id, code, message):
            return {"stage": stage, "item_id": item_id, "message": f"Failed: {code}: {message}"}
        case StageItemCharged(stage, item_id, amount):
            return {"stage": stage, "item_id": item_id, "message": f"Charged {amount / 1000:g} credits."}
        case ArticleReviewed(content_id):
            return {"stage": 6, "item_id": content_id, "message": "The article waits for approval."}
        case ArticleDropped(content_id):
            return {"stage": None, "item_id": content_id, "message": "The article was archived."}
        case StageFinished(stage, count, failed, amount):
            message = f"Stage {stage} finished: {count} items, {failed} failed, {amount / 1000:g} credits."
            return {"stage": stage, "item_id": None, "message": message}
        case RunFinished(outcome, reason):
            return {"stage": None, "item_id": None, "message": reason or f"The run is {outcome}."}
        case RunPaused() | RunResumed() | RunCancelled():
            word = type(event).__name__.removeprefix("Run").lower()
            return {"stage": None, "item_id": None, "message": f"The run was {word}."}


PROJECTION = Projection("automation", (RUN.category,), (runs, stages, items, log), apply)


def stage_table() -> "sa.Select[Any]":
    """Of each started stage what was done, what failed and what it cost."""
    counted = (
        sa.select(
            items.c.run_id,
            items.c.stage,
            sa.func.count().filter(items.c.status == "done").label("done"),
            sa.func.count().filter(items.c.status == "failed").label("failed"),
            sa.cast(sa.func.sum(items.c.credits), sa.BigInteger).label("credits"),
        )
        .group_by(items.c.run_id, items.c.stage)
        .subquery("counted")
    )
    return (
        sa.select(
            stages,
            sa.func.coalesce(counted.c.done, 0).label("done"),
            sa.func.coalesce(counted.c.failed, 0).label("failed"),
            sa.func.coalesce(counted.c.credits, 0).label("credits"),
        )
        .outerjoin(counted, (counted.c.run_id == stages.c.run_id) & (counted.c.stage == stages.c.stage))
        .order_by(stages.c.run_id, stages.c.stage)
    )


async def runs_with_article(tx: Transaction, content_id: UUID) -> list[UUID]:
    """The open runs that work on an article, by itself or, where a retry took over no more of it, by its images."""
    mine = sa.select(items.c.run_id).where(items.c.item_id == content_id)
    rows = await tx.all(
        sa.select(runs.c.run_id, runs.c.run_id.in_(mine).label("by_itself"))
        .where(
            runs.c.status.in_(("running", "paused")),
            sa.or_(runs.c.run_id.in_(mine), runs.c.first_stage == 6),
        )
        .order_by(runs.c.run_id)
    )
    return [
        row["run_id"] for row in rows if row["by_itself"] or await _illustrates(tx, row["run_id"], content_id)
    ]


async def _illustrates(tx: Transaction, run_id: UUID, content_id: UUID) -> bool:
    run, _ = await tx.load(RUN, run_id)
    return isinstance(run, Run) and content_id in run.contents.values()
