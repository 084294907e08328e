"""Routes of staff: credits given to an account or taken back, with the reason."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from common.api.answers import Listed, Success
from common.api.caller import Caller
from common.api.envelope import Answer, answer
from common.api.errors import not_found, validation
from common.api.paging import Page, paginate
from common.api.runtime import Runtime
from common.database import Row, Sql, Transaction
from common.replicas.accounts import replica_accounts
from fastapi import APIRouter, Query, Request
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from billing.amounts import CreditsIn, credits, millicredits
from billing.wallets.decisions import GrantCredits, WalletCommand, WithdrawCredits
from billing.wallets.reactions import handle
from billing.wallets.views import ALL_ADJUSTMENTS

router = APIRouter(prefix="/api/v1/admin/adjustments", tags=["admin"])

Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00]*$")
]


class AdjustmentIn(BaseModel):
    """`amount` is what is given; a negative one is taken back."""

    model_config = ConfigDict(extra="forbid")

    account: UUID
    amount: CreditsIn
    reason: Reason = Field(description="The account reads it in its transactions.")


class AdjustmentOut(BaseModel):
    """`version` is that of the account's wallet after it."""

    id: UUID
    account: UUID
    amount: float
    balance_after: float
    reason: str
    created_by: str
    version: int
    created_at: datetime


@router.get(
    "/", summary="What staff have given and taken back", response_model=Success[Listed[AdjustmentOut]]
)
async def list_adjustments(
    caller: Caller,
    runtime: Runtime,
    page: Page,
    request: Request,
    account: Annotated[UUID | None, Query()] = None,
) -> Answer:
    query = sa.select(ALL_ADJUSTMENTS)
    if account is not None:
        query = query.where(ALL_ADJUSTMENTS.c.account_id == account)
    ordering = {"created_at": ALL_ADJUSTMENTS.c.created_at, "amount": ALL_ADJUSTMENTS.c.amount}
    async with runtime.database.transaction(None) as tx:
        return answer(
            await paginate(tx, query, page, request, ordering=ordering, tie=ALL_ADJUSTMENTS.c.id, show=_shown)
        )


@router.post(
    "/",
    status_code=201,
    summary="Give credits to an account, or take some back",
    response_model=Success[AdjustmentOut],
)
async def adjust(body: AdjustmentIn, caller: Caller, runtime: Runtime) -> Answer:
    """What is reserved for running operations stays: 402 where fewer credits are available than are to be taken."""
    if not body.amount:
        raise validation("amount", "must not be 0")
    adjustment_id = caller.new_id("adjustment")
    amount, actor = millicredits(body.amount), caller.meta.actor
    command: WalletCommand
    if amount > 0:
        command = GrantCredits(adjustment_id, "adjustment", amount, description=body.reason, granted_by=actor)
    else:
        command = WithdrawCredits(adjustment_id, -amount, body.reason, actor)

    async def work(tx: Transaction) -> Row:
        await require_account(tx, body.account)
        await handle(tx, command)
        return await _row(tx, adjustment_id)

    meta = replace(caller.meta, on_behalf_of=body.account)
    return answer(_shown(await runtime.database.run(body.account, work, meta)), status=201)


@router.get("/{adjustment_id}/", summary="An adjustment", response_model=Success[AdjustmentOut])
async def get_adjustment(adjustment_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(None) as tx:
        return answer(_shown(await _row(tx, adjustment_id)))


async def require_account(tx: Transaction, account_id: UUID) -> None:
    """In a transaction of the account, whose lock it takes.

    Raises 404 for one that billing has not heard of, or that was erased, also where its rows are not gone yet.
    """
    await tx.lock()
    known = sa.select(replica_accounts.c.slug).where(replica_accounts.c.slug.is_not(None))
    gone = "SELECT 1 FROM erased_accounts WHERE account_id = %(account)s"
    if await tx.first(known) is None or await tx.first(gone, {"account": account_id}) is not None:
        raise not_found("Account", account_id)


async def _row(sql: Sql, adjustment_id: UUID) -> Row:
    row = await sql.first(sa.select(ALL_ADJUSTMENTS).where(ALL_ADJUSTMENTS.c.id == adjustment_id))
    if row is None:
        raise not_found("Adjustment", adjustment_id)
    return row


def _shown(row: Row) -> dict[str, Any]:
    shown = dict(row)
    return {
        "id": shown.pop("id"),
        "account": shown.pop("account_id"),
        "amount": credits(shown.pop("amount")),
        "balance_after": credits(shown.pop("balance_after")),
        **shown,
    }
