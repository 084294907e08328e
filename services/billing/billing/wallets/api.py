"""Credits over HTTP: balance, transactions with their reasons, usage, estimates. Everybody may ask what there is and what
something would cost; who spent what is for those who may do billing (PRODUCT §1)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from common.ai.costs import price
from common.api.answers import Listed, Success
from common.api.caller import Caller
from common.api.envelope import Answer, answer
from common.api.errors import not_found
from common.api.paging import Page, paginate
from common.api.runtime import Runtime
from common.contracts.billing import MonthlyLimit
from common.contracts.operations import Charge, ChargeKind, Function
from common.plan_limits import counts_of, limit_reached
from fastapi import APIRouter, Query, Request
from msgspec.structs import asdict
from pydantic import BaseModel, Field

from billing.amounts import credits
from billing.entitlements.views import limits_of
from billing.rates.views import current_card
from billing.wallets import shown, views

router = APIRouter(prefix="/api/v1/billing", tags=["billing"])

CHARGES: dict[Function, ChargeKind] = {
    "auto_cluster": "clustering",
    "generate_ideas": "ideas",
    "generate_content": "content_words",
    "generate_image_prompts": "image_prompt",
    "generate_images": "image",
}


class EstimateIn(BaseModel):
    """`units` of one item: operations, clusters, words, prompts or images; `items` such items."""

    function: Function
    units: int = Field(1, ge=0, le=10_000_000)
    items: int = Field(1, ge=1, le=100_000)
    model: str = Field("local", max_length=200, description="The image model, for `generate_images`.")


class LimitReachedOut(BaseModel):
    of: MonthlyLimit
    used: int
    asked: int
    limit: int


class EstimateOut(BaseModel):
    """`sufficient`: the credits are there. `reached` is a limit of the plan that has no room for it this month."""

    function: Function
    credits: float
    available: float
    sufficient: bool
    reached: LimitReachedOut | None
    rate_card: int


@router.get(
    "/credits/balance/",
    summary="Balance, reserved and available credits",
    response_model=Success[shown.Balance],
)
async def balance(caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(shown.balance(await views.standing(tx)))


@router.get(
    "/credits/reservations/",
    summary="What running operations hold",
    response_model=Success[Listed[shown.Reservation]],
)
async def reservations(caller: Caller, runtime: Runtime, page: Page, request: Request) -> Answer:
    columns = views.reservations.c
    async with runtime.database.transaction(caller.account_id) as tx:
        listed = await paginate(
            tx,
            views.open_reservations(),
            page,
            request,
            ordering={"created_at": columns.created_at, "expires_at": columns.expires_at},
            tie=columns.operation_id,
            show=shown.reservation,
        )
    return answer(listed)


@router.get(
    "/transactions/",
    summary="Every movement of credits",
    response_model=Success[Listed[shown.Transaction]],
)
async def transactions(
    caller: Caller,
    runtime: Runtime,
    page: Page,
    request: Request,
    type: Annotated[shown.TransactionType | None, Query()] = None,
) -> Answer:
    columns = views.transactions.c
    async with runtime.database.transaction(caller.account_id) as tx:
        listed = await paginate(
            tx,
            views.transaction_list(type),
            page,
            request,
            # The stream's version orders what happened in one instant, too.
            ordering={"created_at": columns.version, "amount": columns.amount},
            tie=columns.id,
            show=shown.transaction,
        )
    return answer(listed)


@router.get(
    "/transactions/{transaction_id}/explain/",
    summary="Why was I charged",
    response_model=Success[shown.Explanation],
)
async def explain(caller: Caller, runtime: Runtime, transaction_id: UUID) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        found = await views.explain(tx, transaction_id)
    if found is None:
        raise not_found("Transaction", transaction_id)
    return answer(shown.explanation(*found))


@router.get("/usage/", summary="What AI operations used", response_model=Success[Listed[shown.Usage]])
async def usage(
    caller: Caller,
    runtime: Runtime,
    page: Page,
    request: Request,
    operation_type: Annotated[Function | None, Query()] = None,
    run_id: Annotated[UUID | None, Query()] = None,
) -> Answer:
    columns = views.usage_log.c
    async with runtime.database.transaction(caller.account_id) as tx:
        listed = await paginate(
            tx,
            views.usage_list(operation_type, run_id),
            page,
            request,
            ordering={"created_at": columns.version, "credits_used": columns.credits_used},
            tie=columns.id,
            show=shown.usage,
        )
    return answer(listed)


@router.get("/usage/summary/", summary="Usage by AI function", response_model=Success[shown.UsageSummary])
async def usage_summary(
    caller: Caller,
    runtime: Runtime,
    since: Annotated[datetime | None, Query()] = None,
    until: Annotated[datetime | None, Query()] = None,
    run_id: Annotated[UUID | None, Query()] = None,
) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(shown.summary(await views.usage_by_type(tx, since, until, run_id)))


@router.post(
    "/estimate/",
    summary="What an AI operation would cost at most",
    response_model=Success[EstimateOut],
)
async def estimate(caller: Caller, runtime: Runtime, body: EstimateIn) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        card, standing = await current_card(tx), await views.standing(tx)
        limits, used = await limits_of(tx), await views.month_so_far(tx)
    charge = Charge(kind=CHARGES[body.function], units=body.units, model=body.model)
    cost = price(card, charge) * body.items
    reached = limit_reached(limits, used, counts_of(charge).times(body.items))
    return answer(
        {
            "function": body.function,
            "credits": credits(cost),
            "available": credits(standing["available"]),
            "sufficient": cost <= standing["available"],
            "reached": asdict(reached) if reached else None,
            "rate_card": card.version,
        }
    )
