"""Routes of what spans all services: the dashboard and the search."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from common.api.answers import Success
from common.api.caller import Caller
from common.api.envelope import Answer, answer
from common.api.runtime import Runtime
from common.contracts.operations import Function
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from gateway.overview.dashboard import read_dashboard
from gateway.overview.search import Match, read_search
from gateway.overview.views import SEARCHED, Within

router = APIRouter(prefix="/api/v1", tags=["live"])

Searched = Literal["keyword", "cluster", "idea", "task", "content"]


class AsOf(BaseModel):
    source: str
    events: int = Field(description="How many of its events about this account have been taken in.")
    at: datetime = Field(description="When the newest of them was said.")


class StageCount(BaseModel):
    kind: Literal["keyword", "cluster", "idea", "task", "content", "image"]
    total: int
    by_status: dict[str, int]


class OperationCount(BaseModel):
    function: Function
    by_status: dict[str, int] = Field(description="Items: running, succeeded, failed, cancelled or refused.")
    credits: float


class ActivityOut(BaseModel):
    event_id: UUID
    at: datetime
    source: str
    event: str = Field(description="The name of the public event.")
    kind: str | None = Field(description="What it is about.")
    id: UUID | None
    site_id: UUID | None
    sector_id: UUID | None
    title: str | None
    entries: int = Field(description="How many things it is about.")


class Velocity(BaseModel):
    day: date
    created: int
    words: int
    published: int


class RunStage(BaseModel):
    stage: int
    status: str | None
    items: int | None
    failed: int | None


class RunOut(BaseModel):
    run_id: UUID
    site_id: UUID | None
    sector_id: UUID | None
    status: str | None
    started_at: datetime
    stages: list[RunStage]


class AutomationStatus(BaseModel):
    by_status: dict[str, int] = Field(description="All pipeline runs.")
    latest: list[RunOut]


class DashboardOut(BaseModel):
    """`as_of` says how far each source has been heard when this was read."""

    workflow_pipeline: list[StageCount]
    ai_operations: list[OperationCount] = Field(description="Of what was asked for in these days.")
    recent_activity: list[ActivityOut]
    content_velocity: list[Velocity] = Field(description="Each of these days, in UTC.")
    automation_status: AutomationStatus
    as_of: list[AsOf]


class ResultOut(BaseModel):
    id: UUID
    kind: Searched
    title: str
    highlight: str = Field(description="The title as HTML, what was searched for in <mark>.")
    match: Match = Field(description="How the worst of the words is matched.")
    status: str | None
    site_id: UUID | None
    sector_id: UUID | None
    at: datetime = Field(description="When it was last spoken of.")


class GroupOut(BaseModel):
    kind: Searched
    results: list[ResultOut]
    more: bool = Field(description="There are more than are shown; more words narrow it down.")


class SearchOut(BaseModel):
    groups: list[GroupOut]
    as_of: list[AsOf]


@router.get(
    "/dashboard/",
    summary="What there is, what happens and what has happened",
    response_model=Success[DashboardOut],
)
async def dashboard(
    caller: Caller,
    runtime: Runtime,
    site_id: UUID | None = None,
    sector_id: UUID | None = None,
    days: Annotated[int, Query(ge=1, le=366, description="Of AI operations and velocity, with today.")] = 30,
    activity: Annotated[int, Query(ge=1, le=100, description="How much of the recent activity.")] = 10,
) -> Answer:
    within = Within(caller.site_ids, site_id, sector_id)
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(await read_dashboard(tx, within, runtime.clock.now().date(), days, activity))


@router.get(
    "/search/",
    summary="Search keywords, clusters, ideas, tasks and content",
    response_model=Success[SearchOut],
)
async def search_everything(
    caller: Caller,
    runtime: Runtime,
    q: Annotated[
        str,
        Query(
            min_length=1,
            max_length=200,
            pattern=r"^[^\x00]*$",
            description="Words, of which the first ten count; each must be found: as it is, as a beginning, or mistyped.",
        ),
    ],
    kind: Annotated[
        list[Searched] | None, Query(max_length=5, description="These only; may be repeated.")
    ] = None,
    site_id: UUID | None = None,
    sector_id: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=50, description="Of each kind.")] = 10,
) -> Answer:
    within = Within(caller.site_ids, site_id, sector_id)
    kinds = [each for each in SEARCHED if kind is None or each in kind]
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(await read_search(tx, q, kinds, within, limit))
