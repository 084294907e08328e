"""Routes of author profiles: members read them, owners and admins write them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from common.api.answers import Listed, Success
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, answer
from common.api.paging import Page, paginate
from common.api.runtime import Runtime, RuntimeOf
from common.api.scope import require_expected, require_row, visible
from common.database import Row, Transaction
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.authors.decisions import (
    AUTHORS,
    AddAuthor,
    ArchiveAuthor,
    AuthorCommand,
    ChangeAuthor,
    RestoreAuthor,
)
from gateway.authors.views import author_profiles

router = APIRouter(prefix="/api/v1/system/author-profiles", tags=["system"])

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00]*$")]
Prose = Annotated[str, StringConstraints(strip_whitespace=True, max_length=5_000, pattern=r"^[^\x00]*$")]
Name = Annotated[Line, Field(min_length=1)]
Language = Annotated[
    str,
    Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35, description="A BCP 47 tag: en, de-AT."),
]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AuthorIn(Body):
    name: Name
    description: Prose = ""
    tone: Line = ""
    language: Language = "en"
    is_default: bool = Field(False, description="The first profile is the default whatever is sent.")


class AuthorChanges(Body):
    name: Name | None = None
    description: Prose | None = None
    tone: Line | None = None
    language: Language | None = None
    is_default: bool | None = None


class AuthorOut(BaseModel):
    id: UUID
    account_id: UUID
    name: str
    description: str
    tone: str
    language: str
    is_default: bool
    version: int
    created_at: datetime
    updated_at: datetime


@router.get("/", summary="List author profiles", response_model=Success[Listed[AuthorOut]])
async def list_authors(
    caller: Caller,
    runtime: Runtime,
    page: Page,
    request: Request,
    deleted: Annotated[bool, Query(description="Archived ones, for owners and admins.")] = False,
) -> Answer:
    table = author_profiles
    query = sa.select(table).where(visible(table, caller, deleted=deleted))
    columns = {"created_at": table.c.created_at, "name": table.c.name}
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(await paginate(tx, query, page, request, ordering=columns, tie=table.c.id, show=_shown))


@router.post("/", status_code=201, summary="Add an author profile", response_model=Success[AuthorOut])
async def add_author(body: AuthorIn, caller: Caller, runtime: Runtime) -> Answer:
    profile_id = caller.new_id("author")
    return await _save(runtime, caller, profile_id, AddAuthor(profile_id, **body.model_dump()), 201)


@router.get("/{profile_id}/", summary="An author profile", response_model=Success[AuthorOut])
async def get_author(profile_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(_shown(await _row(tx, profile_id, caller)))


@router.put("/{profile_id}/", summary="Replace an author profile", response_model=Success[AuthorOut])
async def put_author(profile_id: UUID, body: AuthorIn, caller: Caller, runtime: Runtime) -> Answer:
    return await patch_author(profile_id, AuthorChanges(**body.model_dump()), caller, runtime)


@router.patch("/{profile_id}/", summary="Change an author profile", response_model=Success[AuthorOut])
async def patch_author(profile_id: UUID, body: AuthorChanges, caller: Caller, runtime: Runtime) -> Answer:
    await _require(runtime, caller, profile_id)
    return await _save(runtime, caller, profile_id, ChangeAuthor(profile_id, **body.model_dump()))


@router.delete("/{profile_id}/", status_code=204, summary="Archive an author profile")
async def archive_author(profile_id: UUID, caller: Caller, runtime: Runtime) -> Response:
    await _require(runtime, caller, profile_id)

    async def work(tx: Transaction) -> None:
        await require_expected(tx, _version_of(profile_id), caller)
        await tx.handle(AUTHORS, caller.account_id, ArchiveAuthor(profile_id))

    await runtime.database.run(caller.account_id, work, caller.meta)
    return Response(status_code=204)


@router.post(
    "/{profile_id}/restore/",
    summary="Bring an archived author profile back",
    response_model=Success[AuthorOut],
)
async def restore_author(profile_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    await _require(runtime, caller, profile_id, archived=True)
    return await _save(runtime, caller, profile_id, RestoreAuthor(profile_id))


async def _require(runtime: RuntimeOf, caller: CallerOf, profile_id: UUID, *, archived: bool = False) -> None:
    """Raises 404 for what the caller may not see, then 403 for what it may not change."""
    async with runtime.database.transaction(caller.account_id) as tx:
        await _row(tx, profile_id, caller, archived=archived)


async def _save(
    runtime: RuntimeOf, caller: CallerOf, profile_id: UUID, command: AuthorCommand, status: int = 200
) -> Answer:
    async def work(tx: Transaction) -> Row:
        await require_expected(tx, _version_of(profile_id), caller)
        await tx.handle(AUTHORS, caller.account_id, command)
        return await _row(tx, profile_id, caller)

    return answer(_shown(await runtime.database.run(caller.account_id, work, caller.meta)), status=status)


def _version_of(profile_id: UUID) -> "sa.Select[Any]":
    return sa.select(author_profiles.c.version).where(author_profiles.c.id == profile_id)


async def _row(tx: Transaction, profile_id: UUID, caller: CallerOf, *, archived: bool = False) -> Row:
    query = sa.select(author_profiles)
    return await require_row(
        tx, query, author_profiles, "Author profile", profile_id, caller, archived=archived
    )


def _shown(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "archived"}
