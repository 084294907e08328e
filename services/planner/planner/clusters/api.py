"""Clusters over HTTP."""

from functools import lru_cache
from typing import Annotated, Any, Literal
from uuid import UUID

import sqlalchemy as sa
from common.api.answers import Listed, Success, TaskAccepted
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, accepted, answer
from common.api.paging import Page, paginate
from common.api.question import SHAPES, Question
from common.api.runtime import Runtime
from common.api.scope import Filter, listed, require_one_sector, require_place, require_row, require_rows
from common.database import Row, Sql, Transaction
from common.replicas import limits
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from planner.answers import Resource, shown
from planner.clusters import views
from planner.clusters.decisions import CLUSTERS, AddCluster, ArchiveCluster, EditCluster
from planner.ideas.jobs import DEFAULT_COUNT, MOST_IDEAS, request_ideas
from planner.keywords import views as keywords
from planner.keywords.decisions import UnmapKeywords

router = APIRouter(prefix="/api/v1/planner/clusters", tags=["planner"])
MOST_CLUSTERS = 200
"""Of one request for ideas."""


class ClusterIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    site_id: UUID
    sector_id: UUID
    name: str = Field(min_length=1, max_length=255)
    description: str = Field("", max_length=1_000)


class ClusterPatch(BaseModel):
    """Only what is named is changed."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, min_length=1, max_length=255)
    description: str | None = Field(None, max_length=1_000)


class ClusterOut(Resource):
    name: str
    description: str
    status: Literal["new", "mapped", "archived"]
    keywords_count: int
    volume: int


class GenerateIdeasIn(BaseModel):
    cluster_ids: list[UUID] = Field(min_length=1, max_length=MOST_CLUSTERS)
    count: int = Field(DEFAULT_COUNT, ge=1, le=MOST_IDEAS, description="Ideas per cluster.")


def _show(row: Row) -> dict[str, Any]:
    return shown(row, "cluster_id")


@lru_cache(SHAPES)
def _counted(clusters: "sa.Select[Any]") -> "tuple[sa.Select[Any], sa.Subquery]":
    """Its rows again, and its columns: for filters and orders by what is calculated."""
    counted = clusters.subquery("counted")
    return sa.select(counted), counted


@router.get("/", summary="Clusters", response_model=Success[Listed[ClusterOut]])
async def list_clusters(
    caller: Caller,
    runtime: Runtime,
    page: Page,
    request: Request,
    wanted: Filter,
    search: Annotated[str | None, Query(max_length=255)] = None,
    status: Literal["new", "mapped", "archived"] | None = None,
) -> Answer:
    query = listed(views.listed(), views.clusters, caller, wanted)
    if search:
        query = query.where(views.clusters.c.name.icontains(search, autoescape=True))
    statement, counted = _counted(query.statement)
    rows = Question(statement, query.values).equal(counted.c.status, status)
    async with runtime.database.transaction(caller.account_id) as tx:
        found = await paginate(
            tx,
            rows,
            page,
            request,
            ordering={name: counted.c[name] for name in ("created_at", "name", "volume", "keywords_count")},
            tie=counted.c.cluster_id,
            show=_show,
        )
    return answer(found)


@router.post("/", summary="Add a cluster", status_code=201, response_model=Success[ClusterOut])
async def create_cluster(caller: Caller, runtime: Runtime, body: ClusterIn) -> Answer:
    cluster_id = caller.new_id("cluster")

    async def work(tx: Transaction) -> Row:
        await require_place(tx, body.site_id, body.sector_id, caller)
        await tx.lock()
        room = await limits.room(tx, "clusters", views.clusters)
        command = AddCluster(cluster_id, body.site_id, body.sector_id, body.name, body.description, *room)
        await tx.handle(CLUSTERS, body.sector_id, command)
        return await _one(caller, tx, cluster_id)

    return answer(_show(await runtime.database.run(caller.account_id, work, caller.meta)), status=201)


@router.post(
    "/auto_generate_ideas/",
    summary="Propose articles for clusters",
    status_code=202,
    response_model=Success[TaskAccepted],
)
async def auto_generate_ideas(caller: Caller, runtime: Runtime, body: GenerateIdeasIn) -> Answer:
    operation_id = caller.new_id("generate_ideas")
    cluster_ids = list(dict.fromkeys(body.cluster_ids))

    async def work(tx: Transaction) -> None:
        table = views.clusters
        rows = await require_rows(tx, sa.select(table), table, "Cluster", cluster_ids, caller)
        site_id, sector_id = require_one_sector("cluster_ids", rows)
        await request_ideas(
            tx,
            operation_id,
            cluster_ids,
            site_id=site_id,
            sector_id=sector_id,
            count=body.count,
            user_id=caller.user_id,
        )

    await runtime.database.run(caller.account_id, work, caller.meta)
    return accepted(operation_id)


@router.get("/{cluster_id}/", summary="A cluster", response_model=Success[ClusterOut])
async def get_cluster(caller: Caller, runtime: Runtime, cluster_id: UUID) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(_show(await _one(caller, tx, cluster_id)))


@router.patch("/{cluster_id}/", summary="Change a cluster", response_model=Success[ClusterOut])
async def patch_cluster(caller: Caller, runtime: Runtime, cluster_id: UUID, body: ClusterPatch) -> Answer:

    async def work(tx: Transaction) -> Row:
        row = await _one(caller, tx, cluster_id)
        command = EditCluster(cluster_id, row["site_id"], row["sector_id"], body.name, body.description)
        await tx.handle(CLUSTERS, row["sector_id"], command)
        return await _one(caller, tx, cluster_id)

    return answer(_show(await runtime.database.run(caller.account_id, work, caller.meta)))


@router.delete("/{cluster_id}/", summary="Archive a cluster", status_code=204, response_class=Response)
async def delete_cluster(caller: Caller, runtime: Runtime, cluster_id: UUID) -> Response:
    """Its keywords are without a cluster again."""

    async def work(tx: Transaction) -> None:
        await tx.lock()
        row = await _one(caller, tx, cluster_id)
        site_id, sector_id = row["site_id"], row["sector_id"]
        await tx.handle(CLUSTERS, sector_id, ArchiveCluster(cluster_id, site_id, sector_id))
        members = tuple(keywords.as_keyword(member) for member in await keywords.in_cluster(tx, cluster_id))
        await keywords.change(tx, sector_id, UnmapKeywords(site_id, sector_id, members))

    await runtime.database.run(caller.account_id, work, caller.meta)
    return Response(status_code=204)


async def _one(caller: CallerOf, sql: Sql, cluster_id: UUID) -> Row:
    return await require_row(sql, views.listed(), views.clusters, "Cluster", cluster_id, caller)
