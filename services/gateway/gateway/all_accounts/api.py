"""Routes of all accounts for staff: who is there, and what each may do."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from common.api.answers import Listed, Success
from common.api.caller import Caller
from common.api.envelope import Answer, answer
from common.api.errors import not_found
from common.api.paging import Page, paginate
from common.api.runtime import Runtime, RuntimeOf
from common.api.scope import require_expected
from common.contracts.gateway import AccountStatus
from common.database import Row, Transaction
from common.secrets import SecretMissing
from fastapi import APIRouter, Query, Request
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from gateway.accounts.decisions import ACCOUNT, ChangeStatus
from gateway.personal import Fields

router = APIRouter(prefix="/api/v1/admin/accounts", tags=["admin"])

TIME = sa.DateTime(timezone=True)
ALL = (
    sa.func.accounts_of_all()
    .table_valued(
        sa.column("account_id", PgUUID(as_uuid=True)),
        sa.column("slug", sa.Text),
        sa.column("name_cipher", sa.Text),
        sa.column("status", sa.Text),
        sa.column("trial_ends_at", TIME),
        sa.column("version", sa.Integer),
        sa.column("created_at", TIME),
        sa.column("updated_at", TIME),
    )
    .alias("every")
)
"""The one look across tenants, by a function of the database: the service's own role sees an account at a time."""


class StaffAccountOut(BaseModel):
    id: UUID
    name: str
    slug: str
    status: AccountStatus
    trial_ends_at: datetime
    version: int
    created_at: datetime
    updated_at: datetime


class StatusIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    status: AccountStatus


@router.get("/", summary="All accounts", response_model=Success[Listed[StaffAccountOut]])
async def list_accounts(
    caller: Caller,
    runtime: Runtime,
    page: Page,
    request: Request,
    status: AccountStatus | None = None,
    search: Annotated[str | None, Query(max_length=255, description="In the slugs.")] = None,
) -> Answer:
    query = sa.select(ALL)
    if status is not None:
        query = query.where(ALL.c.status == status)
    if search:
        query = query.where(ALL.c.slug.icontains(search, autoescape=True))
    ordering = {"created_at": ALL.c.created_at, "slug": ALL.c.slug, "trial_ends_at": ALL.c.trial_ends_at}
    async with runtime.database.transaction(None) as tx:
        found = await paginate(tx, query, page, request, ordering=ordering, tie=ALL.c.account_id)
    found["results"] = await _shown(runtime, found["results"])
    return answer(found)


@router.get("/{account_id}/", summary="An account", response_model=Success[StaffAccountOut])
async def get_any_account(account_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    return await _show(runtime, account_id)


@router.patch(
    "/{account_id}/", summary="Change what an account may do", response_model=Success[StaffAccountOut]
)
async def change_status(account_id: UUID, body: StatusIn, caller: Caller, runtime: Runtime) -> Answer:
    """A suspended account reads and nothing else, a cancelled one needs a plan again. What runs already goes on."""

    async def work(tx: Transaction) -> None:
        await require_expected(tx, sa.select(ALL.c.version).where(ALL.c.account_id == account_id), caller)
        await tx.handle(ACCOUNT, account_id, ChangeStatus(body.status))

    await runtime.database.run(account_id, work, replace(caller.meta, on_behalf_of=account_id))
    return await _show(runtime, account_id)


async def _show(runtime: RuntimeOf, account_id: UUID) -> Answer:
    async with runtime.database.transaction(None) as tx:
        row = await tx.first(sa.select(ALL).where(ALL.c.account_id == account_id))
    if row is None:
        raise not_found("Account", account_id)
    (shown,) = await _shown(runtime, [row])
    return answer(shown)


async def _shown(runtime: RuntimeOf, rows: Sequence[Row]) -> list[StaffAccountOut]:
    shown = []
    for row in rows:
        fields: dict[str, Any] = {
            name: row[name] for name in row if name not in ("account_id", "name_cipher")
        }
        shown.append(StaffAccountOut(id=row["account_id"], name=await _name(runtime, row), **fields))
    return shown


async def _name(runtime: RuntimeOf, row: Row) -> str:
    """Empty where the account was erased: nobody can read it any more."""
    try:
        key = await runtime.secrets.data_key(row["account_id"])
    except SecretMissing:
        return ""
    return Fields(key, row["account_id"]).read("name", row["name_cipher"])
