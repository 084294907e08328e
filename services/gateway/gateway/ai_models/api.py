"""Routes of the model catalogue and the AI functions: everybody reads them, staff keep the catalogue."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from common.ai.registry import NAMES, describe
from common.api.answers import Listed, Success
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, answer
from common.api.errors import not_found
from common.api.paging import Page, PageOf, paginate
from common.api.runtime import Runtime, RuntimeOf
from common.api.scope import require_expected
from common.contracts.settings import ModelKind
from common.database import Row, Sql, Transaction
from common.ids import SYSTEM_ACCOUNT, stable_id
from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.ai_models.decisions import MODELS, AddModel, ChangeModel, ModelCommand, RetireModel
from gateway.ai_models.events import Model
from gateway.ai_models.views import ai_models

router = APIRouter(prefix="/api/v1/system", tags=["system"])
staff_router = APIRouter(prefix="/api/v1/admin/ai-models", tags=["admin"])

MICRO = 1_000_000
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00]*$")
]
Dollars = Annotated[
    Decimal, Field(ge=0, le=100_000, decimal_places=6, description="US dollars, at most six decimals.")
]


class ModelIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Line
    provider: Line
    kind: ModelKind
    input_price: Dollars = Decimal(0)
    output_price: Dollars = Decimal(0)
    image_price: Dollars = Decimal(0)
    is_active: bool = True


class ModelChanges(BaseModel):
    model_config = ConfigDict(extra="forbid")

    provider: Line | None = None
    kind: ModelKind | None = None
    input_price: Dollars | None = None
    output_price: Dollars | None = None
    image_price: Dollars | None = None
    is_active: bool | None = None


class ModelOut(BaseModel):
    """Prices in US dollars: of a million tokens in and out, and of an image."""

    id: UUID
    name: str
    provider: str
    kind: ModelKind
    input_price: float
    output_price: float
    image_price: float
    is_active: bool
    version: int
    created_at: datetime
    updated_at: datetime


class FunctionOut(BaseModel):
    """`cost` in words; the schemas are JSON Schema 2020-12."""

    name: str
    description: str
    version: int
    cost: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]


@router.get("/ai-models/", summary="The models in use, with prices", response_model=Success[Listed[ModelOut]])
async def list_models(
    caller: Caller, runtime: Runtime, page: Page, request: Request, kind: ModelKind | None = None
) -> Answer:
    query = sa.select(ai_models).where(ai_models.c.is_active)
    if kind is not None:
        query = query.where(ai_models.c.kind == kind)
    return answer(await _listed(runtime, query, page, request))


@router.get("/ai-functions/", summary="What the AI can be asked", response_model=Success[Listed[FunctionOut]])
async def list_functions(caller: Caller) -> Answer:
    results = [describe(name) for name in NAMES]
    return answer({"count": len(results), "next": None, "previous": None, "results": results})


@staff_router.get("/", summary="The whole catalogue", response_model=Success[Listed[ModelOut]])
async def list_catalogue(caller: Caller, runtime: Runtime, page: Page, request: Request) -> Answer:
    return answer(await _listed(runtime, sa.select(ai_models), page, request))


@staff_router.post("/", status_code=201, summary="Add a model", response_model=Success[ModelOut])
async def add_model(body: ModelIn, caller: Caller, runtime: Runtime) -> Answer:
    model = Model(**_in_millionths(body.model_dump(exclude={"name"})))

    async def added(_: Transaction) -> ModelCommand:
        return AddModel(body.name, model)

    row = await _save(runtime, caller, stable_id("ai model", body.name), added)
    return answer(row, status=201)


@staff_router.get("/{model_id}/", summary="A model", response_model=Success[ModelOut])
async def get_model(model_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(None) as tx:
        return answer(_shown(await _row(tx, model_id)))


@staff_router.put("/{model_id}/", summary="Replace a model", response_model=Success[ModelOut])
async def put_model(model_id: UUID, body: ModelIn, caller: Caller, runtime: Runtime) -> Answer:
    changes = ModelChanges(**body.model_dump(exclude={"name"}))
    if stable_id("ai model", body.name) != model_id:
        raise not_found("Model", body.name)
    return await _change(runtime, caller, model_id, changes)


@staff_router.patch("/{model_id}/", summary="Change a model", response_model=Success[ModelOut])
async def patch_model(model_id: UUID, body: ModelChanges, caller: Caller, runtime: Runtime) -> Answer:
    return await _change(runtime, caller, model_id, body)


@staff_router.delete("/{model_id}/", status_code=204, summary="Take a model out of use")
async def retire_model(model_id: UUID, caller: Caller, runtime: Runtime) -> Response:
    async def retired(tx: Transaction) -> ModelCommand:
        return RetireModel((await _row(tx, model_id))["name"])

    await _save(runtime, caller, model_id, retired)
    return Response(status_code=204)


async def _change(runtime: RuntimeOf, caller: CallerOf, model_id: UUID, body: ModelChanges) -> Answer:
    given = _in_millionths(body.model_dump(exclude_none=True))

    async def changed(tx: Transaction) -> ModelCommand:
        row = await _row(tx, model_id)
        kept = {name: row[name] for name in ModelChanges.model_fields}
        return ChangeModel(row["name"], Model(**{**kept, **given}))

    return answer(await _save(runtime, caller, model_id, changed))


async def _save(
    runtime: RuntimeOf,
    caller: CallerOf,
    model_id: UUID,
    command_of: Callable[[Transaction], Awaitable[ModelCommand]],
) -> dict[str, Any]:
    """`command_of` reads what the command keeps, under the catalogue's lock. Raises 404 and 412."""

    async def work(tx: Transaction) -> Row:
        version = sa.select(ai_models.c.version).where(ai_models.c.id == model_id)
        await require_expected(tx, version, caller)
        await tx.lock()
        await tx.handle(MODELS, SYSTEM_ACCOUNT, await command_of(tx))
        return await _row(tx, model_id)

    return _shown(await runtime.database.run(SYSTEM_ACCOUNT, work, caller.meta))


async def _listed(
    runtime: RuntimeOf, query: "sa.Select[Any]", page: PageOf, request: Request
) -> dict[str, Any]:
    ordering = {"name": ai_models.c.name, "created_at": ai_models.c.created_at}
    async with runtime.database.transaction(None) as tx:
        return await paginate(
            tx, query, page, request, ordering=ordering, default="name", tie=ai_models.c.id, show=_shown
        )


async def _row(sql: Sql, model_id: UUID) -> Row:
    row = await sql.first(sa.select(ai_models).where(ai_models.c.id == model_id))
    if row is None:
        raise not_found("Model", model_id)
    return row


def _in_millionths(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: int(value * MICRO) if isinstance(value, Decimal) else value for name, value in fields.items()
    }


def _shown(row: Row) -> dict[str, Any]:
    return {name: value / MICRO if name.endswith("_price") else value for name, value in row.items()}
