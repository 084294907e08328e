"""Pipeline runs over HTTP."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from common.ai.costs import credits
from common.ai.operations import steps as operations
from common.ai.operations.views import operations as operation_rows
from common.api.answers import Listed, Success
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, answer
from common.api.paging import Page, paginate
from common.api.runtime import Runtime
from common.api.scope import require_place, require_row, visible
from common.contracts.planner import Stage
from common.database import Row, Sql, Transaction
from common.replicas.accounts import replica_sectors
from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from planner.answers import Resource, shown
from planner.automation import views
from planner.automation.events import Run, RunSettings, RunStarted, RunStatus
from planner.automation.process import (
    MOST_ITEMS,
    RUN,
    CancelRun,
    PauseRun,
    ResumeRun,
    RunCommand,
    StartRun,
    retry,
)
from planner.automation.stages import drive
from planner.automation.steps import STEPS
from planner.ideas.jobs import MOST_IDEAS

router = APIRouter(prefix="/api/v1/automation/runs", tags=["automation"])
STAGE_NAMES = {
    1: "keywords to clusters",
    2: "clusters to ideas",
    3: "ideas to tasks",
    4: "tasks to content",
    5: "content to image prompts",
    6: "image prompts to images",
    7: "review to publish",
}


class RunIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    site_id: UUID
    sector_id: UUID
    auto_approve: bool = Field(False, description="Publish without a person's approval.")
    caps: dict[Annotated[int, Field(ge=1, le=7)], Annotated[int, Field(ge=0, le=MOST_ITEMS)]] = Field(
        default_factory=dict, description="The most items of a stage; of stage 1 the most keywords."
    )
    articles: int | None = Field(None, ge=1, le=1_000)
    word_count: int | None = Field(None, ge=150, le=5_000, description="Words of each article.")
    ideas_per_cluster: int | None = Field(None, ge=1, le=MOST_IDEAS)
    images_per_article: int | None = Field(None, ge=1, le=20)
    budget: Decimal | None = Field(
        None,
        gt=0,
        le=10**9,
        decimal_places=3,
        description="Credits; once they are spent no further paid stage starts.",
    )


class RetryIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    stage: Stage | None = Field(None, description="Where to begin; else the first stage with failures.")


class StageOut(BaseModel):
    stage: int
    name: str
    status: str
    items: int
    done: int
    failed: int
    credits: float
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float


class RunOut(Resource):
    status: RunStatus
    stage: int | None
    first_stage: int
    reason: str | None
    settings: dict[str, Any]
    user_id: UUID | None
    retry_of: UUID | None
    finished_at: datetime | None
    credits: float
    stages: list[StageOut]


class LogEntry(BaseModel):
    number: int
    at: datetime
    event: str
    stage: int | None
    item_id: UUID | None
    message: str


def _listed() -> "sa.Select[Any]":
    return sa.select(views.runs, replica_sectors.c.name.label("sector_name")).outerjoin(
        replica_sectors, replica_sectors.c.sector_id == views.runs.c.sector_id
    )


def _show(row: Row, stages: dict[int, Row]) -> dict[str, Any]:
    data = shown(row, "run_id")
    settings = {"budget": None} | row["settings"]
    if settings["budget"] is not None:
        settings["budget"] = credits(settings["budget"])
    data["settings"] = settings
    data["credits"] = credits(sum(stage["credits"] for stage in stages.values()))
    data["stages"] = [_show_stage(number, row["first_stage"], stages.get(number)) for number in STAGE_NAMES]
    return data


def _show_stage(number: int, first: int, stage: Row | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"stage": number, "name": STAGE_NAMES[number]}
    if stage is None:
        status = "skipped" if number < first else "waiting"
        counts: dict[str, Any] = dict.fromkeys(("items", "done", "failed", "credits"), 0)
        return {**shown, "status": status, **counts, "started_at": None, "finished_at": None, "seconds": 0}
    names = ("status", "items", "done", "failed", "started_at", "finished_at")
    took = (stage["finished_at"] - stage["started_at"]).total_seconds() if stage["finished_at"] else 0
    counts = {"credits": credits(stage["credits"]), "seconds": round(took, 3)}
    return {**shown, **{name: stage[name] for name in names}, **counts}


async def _stages(sql: Sql, run_ids: list[UUID]) -> dict[UUID, dict[int, Row]]:
    found: dict[UUID, dict[int, Row]] = {id: {} for id in run_ids}
    for row in await sql.all(views.stage_table().where(views.stages.c.run_id.in_(run_ids))):
        found[row["run_id"]][row["stage"]] = row
    return found


@router.get("/", summary="Pipeline runs", response_model=Success[Listed[RunOut]])
async def list_runs(
    caller: Caller,
    runtime: Runtime,
    page: Page,
    request: Request,
    site_id: UUID | None = None,
    sector_id: UUID | None = None,
    status: RunStatus | None = None,
) -> Answer:
    columns = views.runs.c
    query = _listed().where(visible(views.runs, caller))
    for column, value in (
        (columns.site_id, site_id),
        (columns.sector_id, sector_id),
        (columns.status, status),
    ):
        if value is not None:
            query = query.where(column == value)
    async with runtime.database.transaction(caller.account_id) as tx:
        found = await paginate(
            tx, query, page, request, ordering={"created_at": columns.created_at}, tie=columns.run_id
        )
        stages = await _stages(tx, [row["run_id"] for row in found["results"]])
    found["results"] = [_show(row, stages[row["run_id"]]) for row in found["results"]]
    return answer(found)


@router.post("/", summary="Run the pipeline", status_code=201, response_model=Success[RunOut])
async def start_run(caller: Caller, runtime: Runtime, body: RunIn) -> Answer:
    """Keywords to published articles; without `auto_approve` its last stage waits for a person's approval."""
    if body.auto_approve:
        caller.require("approve", body.site_id)
    run_id = caller.new_id("run")
    settings = RunSettings(
        auto_approve=body.auto_approve,
        caps=body.caps,
        articles=body.articles,
        word_count=body.word_count,
        ideas_per_cluster=body.ideas_per_cluster,
        images_per_article=body.images_per_article,
        budget=None if body.budget is None else int(body.budget * 1000),
    )
    started = RunStarted(
        site_id=body.site_id, sector_id=body.sector_id, settings=settings, user_id=caller.user_id
    )

    async def work(tx: Transaction) -> dict[str, Any]:
        await require_place(tx, body.site_id, body.sector_id, caller)
        await tx.handle(RUN, run_id, StartRun(started))
        await drive(tx, run_id)
        return await _one(caller, tx, run_id)

    return answer(await runtime.database.run(caller.account_id, work, caller.meta), status=201)


@router.get("/{run_id}/", summary="A pipeline run with its stages", response_model=Success[RunOut])
async def get_run(caller: Caller, runtime: Runtime, run_id: UUID) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(await _one(caller, tx, run_id))


@router.get("/{run_id}/log/", summary="What happened in a run", response_model=Success[Listed[LogEntry]])
async def get_log(
    caller: Caller,
    runtime: Runtime,
    page: Page,
    request: Request,
    run_id: UUID,
    stage: Annotated[int | None, Query(ge=1, le=7)] = None,
) -> Answer:
    columns = views.log.c
    names = (columns.number, columns.at, columns.event, columns.stage, columns.item_id, columns.message)
    query = sa.select(*names).where(columns.run_id == run_id)
    if stage is not None:
        query = query.where(columns.stage == stage)
    async with runtime.database.transaction(caller.account_id) as tx:
        await _one(caller, tx, run_id)
        found = await paginate(
            tx, query, page, request, ordering={"number": columns.number}, default="number"
        )
    return answer(found)


@router.post("/{run_id}/pause/", summary="Start no further stage", response_model=Success[RunOut])
async def pause(caller: Caller, runtime: Runtime, run_id: UUID) -> Answer:
    return await _steer(caller, runtime, run_id, PauseRun())


@router.post("/{run_id}/resume/", summary="Go on with a paused run", response_model=Success[RunOut])
async def resume(caller: Caller, runtime: Runtime, run_id: UUID) -> Answer:
    return await _steer(caller, runtime, run_id, ResumeRun())


@router.post("/{run_id}/cancel/", summary="End a run now", response_model=Success[RunOut])
async def cancel(caller: Caller, runtime: Runtime, run_id: UUID) -> Answer:
    """Work that has not been started is dropped; what is done stays."""
    return await _steer(caller, runtime, run_id, CancelRun())


@router.post(
    "/{run_id}/retry/",
    summary="Do again what failed, as a new run",
    status_code=201,
    response_model=Success[RunOut],
)
async def retry_run(
    caller: Caller, runtime: Runtime, run_id: UUID, body: Annotated[RetryIn | None, Body()] = None
) -> Answer:
    """The new run begins at the stage and takes over what the old one has done."""
    new_id = caller.new_id("retry")

    async def work(tx: Transaction) -> dict[str, Any]:
        await _one(caller, tx, run_id)
        run, _ = await tx.load(RUN, run_id)
        assert isinstance(run, Run)
        if run.started.settings.auto_approve:
            caller.require("approve", run.started.site_id)
        started = retry(run_id, run, body.stage if body else None, caller.user_id)
        await tx.handle(RUN, new_id, StartRun(started))
        await drive(tx, new_id)
        return await _one(caller, tx, new_id)

    return answer(await runtime.database.run(caller.account_id, work, caller.meta), status=201)


async def _steer(caller: CallerOf, runtime: Runtime, run_id: UUID, command: RunCommand) -> Answer:

    async def work(tx: Transaction) -> dict[str, Any]:
        await _one(caller, tx, run_id)
        await tx.handle(RUN, run_id, command)
        if isinstance(command, CancelRun):
            await _cancel_operations(tx, run_id)
        await drive(tx, run_id)
        return await _one(caller, tx, run_id)

    return answer(await runtime.database.run(caller.account_id, work, caller.meta))


async def _cancel_operations(tx: Transaction, run_id: UUID) -> None:
    """The planner's own; the writer cancels its own when it hears of it."""
    columns = operation_rows.c
    rows = await tx.all(
        sa.select(columns.operation_id)
        .where(columns.run_id == run_id, columns.status.in_(("requested", "running")))
        .order_by(columns.operation_id)
    )
    for row in rows:
        await operations.cancel(tx, row["operation_id"], "the pipeline run was cancelled", STEPS)


async def _one(caller: CallerOf, sql: Sql, run_id: UUID) -> dict[str, Any]:
    row = await require_row(sql, _listed(), views.runs, "Run", run_id, caller)
    return _show(row, (await _stages(sql, [run_id]))[run_id])
