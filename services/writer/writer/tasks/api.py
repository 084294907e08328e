"""Tasks over HTTP."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from common.api.answers import Listed, Success, TaskAccepted
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, accepted, answer
from common.api.errors import validation
from common.api.paging import Page, paginate
from common.api.runtime import Runtime
from common.api.scope import Filter, listed, require_one_sector, require_place, require_row, require_rows
from common.contracts.planner import ContentStructure, ContentType
from common.contracts.writer import TaskStatus
from common.database import Row, Sql, Transaction
from common.replicas.accounts import replica_sectors
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, field_validator

from writer.clusters.replica import replica_clusters, require_cluster
from writer.tasks.decisions import TASK, ArchiveTask, CreateTask, EditTask, RestoreTask
from writer.tasks.events import Task, TaskDetails
from writer.tasks.requests import request_content
from writer.tasks.views import tasks

router = APIRouter(prefix="/api/v1/writer/tasks", tags=["writer"])

MOST_AT_ONCE = 10
"""Articles of one request (PRODUCT §3): their reservation is all or none."""

Status = Annotated[TaskStatus, BeforeValidator(lambda value: "queued" if value == "pending" else value)]
Title = Annotated[str, Field(min_length=1, max_length=300)]
Words = Annotated[int, Field(ge=150, le=5000)]
Keywords = Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=100)]


class TaskIn(BaseModel):
    """A task to be made; `word_count` is the wished length of the article."""

    site_id: UUID
    sector_id: UUID
    title: Title
    description: str = Field("", max_length=10_000)
    cluster_id: UUID
    content_type: ContentType
    content_structure: ContentStructure
    keywords: Keywords = []
    word_count: Words = 1000


class TaskEdit(BaseModel):
    """What is left out stays as it is."""

    title: Title | None = None
    description: str | None = Field(None, max_length=10_000)
    cluster_id: UUID | None = None
    content_type: ContentType | None = None
    content_structure: ContentStructure | None = None
    keywords: Keywords | None = None
    word_count: Words | None = None
    status: Status | None = None


class TaskIds(BaseModel):
    task_ids: list[UUID] = Field(min_length=1, max_length=500)

    @field_validator("task_ids")
    @classmethod
    def _once(cls, value: list[UUID]) -> list[UUID]:
        return list(dict.fromkeys(value))


class TaskUpdate(TaskIds):
    """The same change to all of them, or to none."""

    status: Status | None = None
    cluster_id: UUID | None = None
    word_count: Words | None = None


class TaskOut(BaseModel):
    id: UUID
    account_id: UUID
    site_id: UUID
    sector_id: UUID
    sector_name: str | None
    version: int
    created_at: AwareDatetime
    updated_at: AwareDatetime
    title: str
    description: str
    cluster_id: UUID
    cluster_name: str | None
    idea_id: UUID | None
    content_type: ContentType
    content_structure: ContentStructure
    keywords: list[str]
    word_count: int
    status: TaskStatus
    content_id: UUID | None
    error_code: str | None
    error: str | None


ROWS = (
    sa.select(
        *(column for column in tasks.c),
        replica_clusters.c.name.label("cluster_name"),
        replica_sectors.c.name.label("sector_name"),
    )
    .outerjoin(replica_clusters, replica_clusters.c.cluster_id == tasks.c.cluster_id)
    .outerjoin(replica_sectors, replica_sectors.c.sector_id == tasks.c.sector_id)
)
ORDERING = {name: tasks.c[name] for name in ("title", "created_at", "word_count", "status")}


def shown(row: Row) -> dict[str, Any]:
    return {"id": row["task_id"]} | {
        name: value for name, value in row.items() if name not in ("task_id", "archived")
    }


@router.get("/", summary="Tasks of the sites you may see", response_model=Success[Listed[TaskOut]])
async def list_tasks(
    request: Request,
    caller: Caller,
    runtime: Runtime,
    page: Page,
    wanted: Filter,
    status: Annotated[Status | None, Query()] = None,
    cluster_id: UUID | None = None,
    content_type: ContentType | None = None,
    content_structure: ContentStructure | None = None,
    search: Annotated[str | None, Query(max_length=200, description="In title and keywords.")] = None,
) -> Answer:
    query = listed(ROWS, tasks, caller, wanted)
    for column, value in (
        (tasks.c.status, status),
        (tasks.c.cluster_id, cluster_id),
        (tasks.c.content_type, content_type),
        (tasks.c.content_structure, content_structure),
    ):
        query = query.equal(column, value)
    if search:
        keywords = sa.cast(tasks.c.keywords, sa.Text)
        query = query.where(
            tasks.c.title.icontains(search, autoescape=True) | keywords.icontains(search, autoescape=True)
        )
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(
            await paginate(tx, query, page, request, ordering=ORDERING, tie=tasks.c.task_id, show=shown)
        )


@router.post("/", summary="Make a task by hand", status_code=201, response_model=Success[TaskOut])
async def create_task(body: TaskIn, caller: Caller, runtime: Runtime) -> Answer:
    task_id = caller.new_id("task")

    async def create(tx: Transaction) -> dict[str, Any]:
        await require_place(tx, body.site_id, body.sector_id, caller)
        await require_cluster(tx, body.sector_id, body.cluster_id)
        details = TaskDetails(
            title=body.title,
            description=body.description,
            cluster_id=body.cluster_id,
            idea_id=None,
            content_type=body.content_type,
            content_structure=body.content_structure,
            keywords=tuple(body.keywords),
            word_count=body.word_count,
        )
        await tx.handle(TASK, task_id, CreateTask(body.site_id, body.sector_id, details))
        return await _one(tx, task_id, caller)

    return answer(await runtime.database.run(caller.account_id, create, caller.meta), status=201)


@router.get("/{task_id}/", summary="One task", response_model=Success[TaskOut])
async def get_task(task_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(await _one(tx, task_id, caller))


@router.patch("/{task_id}/", summary="Change a task", response_model=Success[TaskOut])
@router.put("/{task_id}/", summary="Replace a task's fields", response_model=Success[TaskOut])
async def edit_task(task_id: UUID, body: TaskEdit, caller: Caller, runtime: Runtime) -> Answer:

    async def edit(tx: Transaction) -> dict[str, Any]:
        await _edit(tx, task_id, body, caller)
        return await _one(tx, task_id, caller)

    return answer(await runtime.database.run(caller.account_id, edit, caller.meta))


@router.delete("/{task_id}/", summary="Archive a task", status_code=204)
async def delete_task(task_id: UUID, caller: Caller, runtime: Runtime) -> Response:
    await runtime.database.run(caller.account_id, lambda tx: _archive(tx, [task_id], caller), caller.meta)
    return Response(status_code=204)


@router.post("/{task_id}/restore/", summary="Bring an archived task back", response_model=Success[TaskOut])
async def restore_task(task_id: UUID, caller: Caller, runtime: Runtime) -> Answer:

    async def restore(tx: Transaction) -> dict[str, Any]:
        await require_row(tx, ROWS, tasks, "Task", task_id, caller, archived=True)
        await tx.handle(TASK, task_id, RestoreTask())
        return await _one(tx, task_id, caller)

    return answer(await runtime.database.run(caller.account_id, restore, caller.meta))


@router.post("/bulk_delete/", summary="Archive tasks, all or none", response_model=Success[dict[str, int]])
async def bulk_delete(body: TaskIds, caller: Caller, runtime: Runtime) -> Answer:
    await runtime.database.run(caller.account_id, lambda tx: _archive(tx, body.task_ids, caller), caller.meta)
    return answer({"deleted": len(body.task_ids)})


@router.post("/bulk_update/", summary="Change tasks, all or none", response_model=Success[dict[str, int]])
async def bulk_update(body: TaskUpdate, caller: Caller, runtime: Runtime) -> Answer:
    change = TaskEdit(status=body.status, cluster_id=body.cluster_id, word_count=body.word_count)

    async def update(tx: Transaction) -> None:
        await require_rows(tx, ROWS, tasks, "Task", body.task_ids, caller)
        for task_id in body.task_ids:
            await _edit(tx, task_id, change, caller)

    await runtime.database.run(caller.account_id, update, caller.meta)
    return answer({"updated": len(body.task_ids)})


@router.post(
    "/auto_generate_content/",
    summary="Write the articles of up to 10 tasks",
    status_code=202,
    response_model=Success[TaskAccepted],
)
async def auto_generate_content(body: TaskIds, caller: Caller, runtime: Runtime) -> Answer:
    if len(body.task_ids) > MOST_AT_ONCE:
        raise validation("task_ids", f"at most {MOST_AT_ONCE} tasks at once, {len(body.task_ids)} were given")
    operation_id = caller.new_id("operation")

    async def start(tx: Transaction) -> None:
        rows = await require_rows(tx, ROWS, tasks, "Task", body.task_ids, caller)
        require_one_sector("task_ids", rows)
        states = {task_id: (await tx.load(TASK, task_id))[0] for task_id in body.task_ids}
        found = {task_id: task for task_id, task in states.items() if isinstance(task, Task)}
        await request_content(tx, operation_id, found, user_id=caller.user_id)

    await runtime.database.run(caller.account_id, start, caller.meta)
    return accepted(operation_id)


async def _edit(tx: Transaction, task_id: UUID, body: TaskEdit, caller: CallerOf) -> None:
    row = await require_row(tx, ROWS, tasks, "Task", task_id, caller)
    if body.cluster_id is not None and body.cluster_id != row["cluster_id"]:
        await require_cluster(tx, row["sector_id"], body.cluster_id)
    task, _ = await tx.load(TASK, task_id)
    assert isinstance(task, Task)
    changes = body.model_dump(exclude_none=True, exclude={"status"})
    if body.keywords is not None:
        changes["keywords"] = tuple(body.keywords)
    details = msgspec.structs.replace(task.details, **changes)
    await tx.handle(TASK, task_id, EditTask(details, body.status))


async def _archive(tx: Transaction, task_ids: list[UUID], caller: CallerOf) -> None:
    await require_rows(tx, ROWS, tasks, "Task", task_ids, caller)
    for task_id in task_ids:
        await tx.handle(TASK, task_id, ArchiveTask())


async def _one(sql: Sql, task_id: UUID, caller: CallerOf) -> dict[str, Any]:
    row = await require_row(sql, ROWS, tasks, "Task", task_id, caller)
    return shown(row)
