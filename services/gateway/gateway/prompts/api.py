"""Routes of prompts: members read them, owners and admins write them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from common.ai.prompts import LONGEST, problems
from common.ai.prompts import PROMPTS as KINDS
from common.api.answers import Listed, Success
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, answer
from common.api.errors import ApiError
from common.api.paging import Page, paginate
from common.api.runtime import Runtime, RuntimeOf
from common.api.scope import require_expected, require_row, visible
from common.contracts.settings import PromptType
from common.database import Row, Transaction
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.prompts.decisions import (
    PROMPTS,
    AddPrompt,
    ArchivePrompt,
    ChangePrompt,
    PromptCommand,
    RestorePrompt,
    SetPrompt,
)
from gateway.prompts.views import prompt_versions, prompts

router = APIRouter(prefix="/api/v1/system/prompts", tags=["system"])

Text = Annotated[
    str, Field(max_length=LONGEST, description="A template; see `defaults/` for its placeholders.")
]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PromptIn(Body):
    prompt_type: PromptType
    prompt_value: Text
    function_name: str | None = Field(None, description="Follows from the type; what is sent must be that.")


class PromptChanges(Body):
    prompt_type: PromptType | None = Field(None, description="Fixed; what is sent must be what it is.")
    prompt_value: Text | None = None
    function_name: str | None = None


class ResetIn(Body):
    prompt_type: PromptType


class PromptOut(BaseModel):
    id: UUID
    account_id: UUID
    prompt_type: PromptType
    function_name: str
    prompt_value: str
    is_default: bool
    number: int = Field(description="Counts the texts it has had.")
    version: int
    created_at: datetime
    updated_at: datetime


class PromptVersionOut(BaseModel):
    number: int
    prompt_value: str
    written_by: str
    created_at: datetime


class DefaultOut(BaseModel):
    prompt_type: PromptType
    function_name: str
    prompt_value: str
    placeholders: list[str]
    required_placeholders: list[str]


@router.get("/", summary="List prompts", response_model=Success[Listed[PromptOut]])
async def list_prompts(
    caller: Caller,
    runtime: Runtime,
    page: Page,
    request: Request,
    prompt_type: PromptType | None = None,
    deleted: Annotated[bool, Query(description="Archived ones, for owners and admins.")] = False,
) -> Answer:
    query = sa.select(prompts).where(visible(prompts, caller, deleted=deleted))
    if prompt_type is not None:
        query = query.where(prompts.c.prompt_type == prompt_type)
    columns = {"created_at": prompts.c.created_at, "prompt_type": prompts.c.prompt_type}
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(
            await paginate(tx, query, page, request, ordering=columns, tie=prompts.c.id, show=_shown)
        )


@router.get(
    "/defaults/",
    summary="The prompts in force where none is written",
    response_model=Success[list[DefaultOut]],
)
async def defaults(caller: Caller) -> Answer:
    return answer(
        [
            DefaultOut(
                prompt_type=kind.type,
                function_name=kind.function.name,
                prompt_value=kind.default,
                placeholders=list(kind.known),
                required_placeholders=list(kind.required),
            )
            for kind in KINDS.values()
        ]
    )


@router.post("/", status_code=201, summary="Write a prompt", response_model=Success[PromptOut])
async def add_prompt(body: PromptIn, caller: Caller, runtime: Runtime) -> Answer:
    _require_function(body.prompt_type, body.function_name)
    _require_usable(body.prompt_type, body.prompt_value)
    prompt_id = caller.new_id("prompt")
    return await _save(
        runtime, caller, prompt_id, AddPrompt(prompt_id, body.prompt_type, body.prompt_value), 201
    )


@router.post(
    "/reset_to_default/", summary="Give a type of prompt its default text", response_model=Success[PromptOut]
)
async def reset_type(body: ResetIn, caller: Caller, runtime: Runtime) -> Answer:
    command = SetPrompt(caller.new_id("prompt"), body.prompt_type, KINDS[body.prompt_type].default)

    async def work(tx: Transaction) -> Row:
        handled = await tx.handle(PROMPTS, caller.account_id, command)
        id = handled.state.of_type(body.prompt_type)
        assert id is not None
        return await _row(tx, id, caller)

    return answer(_shown(await runtime.database.run(caller.account_id, work, caller.meta)))


@router.get("/{prompt_id}/", summary="A prompt", response_model=Success[PromptOut])
async def get_prompt(prompt_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(_shown(await _row(tx, prompt_id, caller)))


@router.get(
    "/{prompt_id}/versions/",
    summary="Its texts, the newest first",
    response_model=Success[Listed[PromptVersionOut]],
)
async def list_versions(
    prompt_id: UUID, caller: Caller, runtime: Runtime, page: Page, request: Request
) -> Answer:
    columns = [prompt_versions.c[name] for name in PromptVersionOut.model_fields]
    query = sa.select(*columns).where(prompt_versions.c.prompt_id == prompt_id)
    async with runtime.database.transaction(caller.account_id) as tx:
        await _row(tx, prompt_id, caller)
        ordering = {"number": prompt_versions.c.number}
        return answer(await paginate(tx, query, page, request, ordering=ordering, default="-number"))


@router.put("/{prompt_id}/", summary="Replace a prompt", response_model=Success[PromptOut])
async def put_prompt(prompt_id: UUID, body: PromptIn, caller: Caller, runtime: Runtime) -> Answer:
    return await patch_prompt(prompt_id, PromptChanges(**body.model_dump()), caller, runtime)


@router.patch("/{prompt_id}/", summary="Change a prompt", response_model=Success[PromptOut])
async def patch_prompt(prompt_id: UUID, body: PromptChanges, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        row = await _row(tx, prompt_id, caller)
    type: PromptType = row["prompt_type"]
    if body.prompt_type not in (None, type):
        raise _invalid("prompt_type", f"is {type} and stays so; archive this prompt and write another")
    _require_function(type, body.function_name)
    value = row["prompt_value"] if body.prompt_value is None else body.prompt_value
    _require_usable(type, value)
    return await _save(runtime, caller, prompt_id, ChangePrompt(prompt_id, value))


@router.delete("/{prompt_id}/", status_code=204, summary="Archive a prompt: the default is in force again")
async def archive_prompt(prompt_id: UUID, caller: Caller, runtime: Runtime) -> Response:
    async with runtime.database.transaction(caller.account_id) as tx:
        await _row(tx, prompt_id, caller)

    async def work(tx: Transaction) -> None:
        await require_expected(tx, _version_of(prompt_id), caller)
        await tx.handle(PROMPTS, caller.account_id, ArchivePrompt(prompt_id))

    await runtime.database.run(caller.account_id, work, caller.meta)
    return Response(status_code=204)


@router.post(
    "/{prompt_id}/restore/", summary="Bring an archived prompt back", response_model=Success[PromptOut]
)
async def restore_prompt(prompt_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        await _row(tx, prompt_id, caller, archived=True)
    return await _save(runtime, caller, prompt_id, RestorePrompt(prompt_id))


@router.post(
    "/{prompt_id}/reset_to_default/",
    summary="Give a prompt its default text",
    response_model=Success[PromptOut],
)
async def reset_prompt(prompt_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        row = await _row(tx, prompt_id, caller)
    kind = KINDS[row["prompt_type"]]
    return await _save(runtime, caller, prompt_id, ChangePrompt(prompt_id, kind.default))


async def _save(
    runtime: RuntimeOf, caller: CallerOf, prompt_id: UUID, command: PromptCommand, status: int = 200
) -> Answer:
    async def work(tx: Transaction) -> Row:
        await require_expected(tx, _version_of(prompt_id), caller)
        await tx.handle(PROMPTS, caller.account_id, command)
        return await _row(tx, prompt_id, caller)

    return answer(_shown(await runtime.database.run(caller.account_id, work, caller.meta)), status=status)


def _version_of(prompt_id: UUID) -> "sa.Select[Any]":
    return sa.select(prompts.c.version).where(prompts.c.id == prompt_id)


async def _row(tx: Transaction, prompt_id: UUID, caller: CallerOf, *, archived: bool = False) -> Row:
    return await require_row(tx, sa.select(prompts), prompts, "Prompt", prompt_id, caller, archived=archived)


def _shown(row: Row) -> dict[str, Any]:
    kind = KINDS[row["prompt_type"]]
    shown = {name: value for name, value in row.items() if name != "archived"}
    return {**shown, "function_name": kind.function.name, "is_default": row["prompt_value"] == kind.default}


def _require_function(type: PromptType, name: str | None) -> None:
    wanted = KINDS[type].function.name
    if name not in (None, "", wanted):
        raise _invalid("function_name", f"is {wanted} for prompts of the type {type}")


def _require_usable(type: PromptType, value: str) -> None:
    if wrong := problems(type, value):
        raise _invalid("prompt_value", *wrong)


def _invalid(field: str, *wrong: str) -> ApiError:
    return ApiError("VALIDATION_ERROR", f"{field}: {wrong[0]}", status=400, errors={field: list(wrong)})
