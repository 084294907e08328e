"""Routes of strategies: members read them, owners and admins write them."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from common.api.answers import Listed, Success
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, answer
from common.api.errors import not_found, validation
from common.api.paging import Page, paginate
from common.api.runtime import Runtime, RuntimeOf
from common.api.scope import require_expected, require_row, visible
from common.contracts.settings import PromptType
from common.database import Row, Sql, Transaction
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from gateway.accounts.views import sectors
from gateway.strategies.decisions import (
    STRATEGIES,
    ArchiveStrategy,
    RestoreStrategy,
    StrategyCommand,
    WriteStrategy,
)
from gateway.strategies.events import Strategy
from gateway.strategies.views import strategies

router = APIRouter(prefix="/api/v1/system/strategies", tags=["system"])

LONGEST_LOGIC = 16_000
"""Characters of its JSON: it becomes a part of every prompt it is meant for."""

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00]*$")]
Prose = Annotated[str, StringConstraints(strip_whitespace=True, max_length=5_000, pattern=r"^[^\x00]*$")]
Name = Annotated[Line, Field(min_length=1)]
Types = Annotated[
    list[PromptType], Field(max_length=20, description="The prompts it becomes a part of; none: all.")
]


class _Logic(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @field_validator("section_logic", check_fields=False)
    @classmethod
    def _bounded(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        text = json.dumps(value)
        if len(text) > LONGEST_LOGIC:
            raise ValueError(f"has {len(text)} characters as JSON, at most {LONGEST_LOGIC} are allowed")
        if "\\u0000" in text:
            raise ValueError("contains a NUL character")
        return value


class StrategyIn(_Logic):
    name: Name
    description: Prose = ""
    sector_id: UUID | None = Field(None, description="None: for the whole account.")
    prompt_types: Types = []
    section_logic: dict[str, Any] = {}
    is_active: bool = Field(True, description="Of a sector, and of the account, one is active: the newest.")


class StrategyChanges(_Logic):
    name: Name | None = None
    description: Prose | None = None
    sector_id: UUID | None = None
    prompt_types: Types | None = None
    section_logic: dict[str, Any] | None = None
    is_active: bool | None = None


class StrategyOut(BaseModel):
    id: UUID
    account_id: UUID
    name: str
    description: str
    site_id: UUID | None
    sector_id: UUID | None
    sector_name: str | None
    prompt_types: list[PromptType]
    section_logic: dict[str, Any]
    is_active: bool
    version: int
    created_at: datetime
    updated_at: datetime


ROWS = sa.select(strategies, sectors.c.name.label("sector_name")).select_from(
    strategies.outerjoin(sectors, sectors.c.id == strategies.c.sector_id)
)


@router.get("/", summary="List strategies", response_model=Success[Listed[StrategyOut]])
async def list_strategies(
    caller: Caller,
    runtime: Runtime,
    page: Page,
    request: Request,
    sector_id: UUID | None = None,
    is_active: bool | None = None,
    deleted: Annotated[bool, Query(description="Archived ones, for owners and admins.")] = False,
) -> Answer:
    query = ROWS.where(visible(strategies, caller, deleted=deleted))
    if sector_id is not None:
        query = query.where(strategies.c.sector_id == sector_id)
    if is_active is not None:
        query = query.where(strategies.c.is_active == is_active)
    columns = {"created_at": strategies.c.created_at, "name": strategies.c.name}
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(
            await paginate(tx, query, page, request, ordering=columns, tie=strategies.c.id, show=_shown)
        )


@router.post("/", status_code=201, summary="Add a strategy", response_model=Success[StrategyOut])
async def add_strategy(body: StrategyIn, caller: Caller, runtime: Runtime) -> Answer:
    strategy_id = caller.new_id("strategy")

    async def work(tx: Transaction) -> Row:
        return await _write(tx, caller, strategy_id, await _strategy(tx, caller, body))

    row = await runtime.database.run(caller.account_id, work, caller.meta)
    return answer(_shown(row), status=201)


@router.get("/{strategy_id}/", summary="A strategy", response_model=Success[StrategyOut])
async def get_strategy(strategy_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(_shown(await _row(tx, strategy_id, caller)))


@router.put("/{strategy_id}/", summary="Replace a strategy", response_model=Success[StrategyOut])
async def put_strategy(strategy_id: UUID, body: StrategyIn, caller: Caller, runtime: Runtime) -> Answer:
    await _require(runtime, caller, strategy_id)

    async def work(tx: Transaction) -> Row:
        return await _write(tx, caller, strategy_id, await _strategy(tx, caller, body))

    return answer(_shown(await runtime.database.run(caller.account_id, work, caller.meta)))


@router.patch("/{strategy_id}/", summary="Change a strategy", response_model=Success[StrategyOut])
async def patch_strategy(
    strategy_id: UUID, body: StrategyChanges, caller: Caller, runtime: Runtime
) -> Answer:
    await _require(runtime, caller, strategy_id)
    given = body.model_dump(exclude_unset=True)
    for name, value in given.items():
        if value is None and name != "sector_id":
            raise validation(name, "must not be null; leave it out to keep it")

    async def work(tx: Transaction) -> Row:
        state, _ = await tx.load(STRATEGIES, caller.account_id)
        strategy = state.by_id[strategy_id]
        if "sector_id" in given:
            given["site_id"] = await _site_of(tx, caller, given["sector_id"])
        if "prompt_types" in given:
            given["prompt_types"] = tuple(given["prompt_types"])
        return await _write(tx, caller, strategy_id, replace(strategy, **given))

    return answer(_shown(await runtime.database.run(caller.account_id, work, caller.meta)))


@router.delete("/{strategy_id}/", status_code=204, summary="Archive a strategy")
async def archive_strategy(strategy_id: UUID, caller: Caller, runtime: Runtime) -> Response:
    await _require(runtime, caller, strategy_id)

    async def work(tx: Transaction) -> None:
        await require_expected(tx, _version_of(strategy_id), caller)
        await tx.handle(STRATEGIES, caller.account_id, ArchiveStrategy(strategy_id))

    await runtime.database.run(caller.account_id, work, caller.meta)
    return Response(status_code=204)


@router.post(
    "/{strategy_id}/restore/",
    summary="Bring an archived strategy back, inactive",
    response_model=Success[StrategyOut],
)
async def restore_strategy(strategy_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    await _require(runtime, caller, strategy_id, archived=True)

    async def work(tx: Transaction) -> Row:
        return await _handle(tx, caller, RestoreStrategy(strategy_id))

    return answer(_shown(await runtime.database.run(caller.account_id, work, caller.meta)))


async def _strategy(tx: Transaction, caller: CallerOf, body: StrategyIn) -> Strategy:
    return Strategy(
        body.name,
        body.description,
        await _site_of(tx, caller, body.sector_id),
        body.sector_id,
        tuple(body.prompt_types),
        body.section_logic,
        body.is_active,
    )


async def _site_of(sql: Sql, caller: CallerOf, sector_id: UUID | None) -> UUID | None:
    """The sector's site; raises 404 for a sector that is not the caller's."""
    if sector_id is None:
        return None
    query = sa.select(sectors.c.site_id).where(sectors.c.id == sector_id, ~sectors.c.archived)
    site_id: UUID | None = await sql.scalar(query)
    if site_id is None or not caller.may_see(site_id):
        raise not_found("Sector", sector_id)
    return site_id


async def _write(tx: Transaction, caller: CallerOf, strategy_id: UUID, strategy: Strategy) -> Row:
    return await _handle(tx, caller, WriteStrategy(strategy_id, strategy))


async def _handle(tx: Transaction, caller: CallerOf, command: StrategyCommand) -> Row:
    await require_expected(tx, _version_of(command.strategy_id), caller)
    await tx.handle(STRATEGIES, caller.account_id, command)
    return await _row(tx, command.strategy_id, caller)


async def _require(
    runtime: RuntimeOf, caller: CallerOf, strategy_id: UUID, *, archived: bool = False
) -> None:
    """Raises 404 for what the caller may not see, then 403 for what it may not change."""
    async with runtime.database.transaction(caller.account_id) as tx:
        await _row(tx, strategy_id, caller, archived=archived)


def _version_of(strategy_id: UUID) -> "sa.Select[Any]":
    return sa.select(strategies.c.version).where(strategies.c.id == strategy_id)


async def _row(tx: Transaction, strategy_id: UUID, caller: CallerOf, *, archived: bool = False) -> Row:
    return await require_row(tx, ROWS, strategies, "Strategy", strategy_id, caller, archived=archived)


def _shown(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "archived"}
