"""Routes of staff: the plans, and which account is on which."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from common.api.answers import Listed, Success
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, answer
from common.api.errors import not_found
from common.api.paging import Page, paginate
from common.api.runtime import Runtime, RuntimeOf
from common.api.scope import require_expected
from common.contracts.billing import Limits
from common.database import Row, Transaction
from common.ids import SYSTEM_ACCOUNT
from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from billing.adjustments.api import require_account
from billing.amounts import PriceIn, credits, millicredits
from billing.entitlements.jobs import APPLY_PLAN, put_on_plan
from billing.entitlements.views import ALL_ENTITLEMENTS
from billing.plans.decisions import PLANS, AddPlan, ChangePlan, PlanCommand
from billing.plans.events import Plan
from billing.plans.views import plan_row, plans

router = APIRouter(prefix="/api/v1/admin/plans", tags=["admin"])

PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?$"
Slug = Annotated[str, Path(max_length=50)]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00]*$")
]
Most = Annotated[int, Field(ge=0, le=10**12, strict=True)]


class LimitsIn(BaseModel):
    """Null is unlimited. AI requests, words and images are of a calendar month."""

    model_config = ConfigDict(extra="forbid")

    users: Most | None
    sites: Most | None
    keywords: Most | None
    clusters: Most | None
    ideas: Most | None
    ai_requests: Most | None
    words: Most | None
    images: Most | None


class LimitChanges(BaseModel):
    """What is left out stays; null is unlimited."""

    model_config = ConfigDict(extra="forbid")

    users: Most | None = None
    sites: Most | None = None
    keywords: Most | None = None
    clusters: Most | None = None
    ideas: Most | None = None
    ai_requests: Most | None = None
    words: Most | None = None
    images: Most | None = None


class PlanIn(BaseModel):
    """Credits a month are the included ones where they are given."""

    model_config = ConfigDict(extra="forbid")

    slug: str = Field(pattern=PATTERN, examples=["agency"])
    name: Name
    credits_per_month: PriceIn
    included_credits: PriceIn | None = None
    limits: LimitsIn


class PlanChanges(BaseModel):
    """What is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    credits_per_month: PriceIn | None = None
    included_credits: PriceIn | None = Field(None, description="Null: `credits_per_month` count.")
    limits: LimitChanges | None = None
    is_active: bool | None = None


class PlanOut(BaseModel):
    """`monthly_credits` are the included ones where there are some, else those per month."""

    slug: str
    name: str
    credits_per_month: float
    included_credits: float | None
    monthly_credits: float
    limits: LimitsIn
    is_active: bool
    version: int
    created_at: datetime
    updated_at: datetime


class OnPlanIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    account: UUID


class OnPlanOut(BaseModel):
    account: UUID
    plan: str
    limits: LimitsIn
    version: int
    created_at: datetime
    updated_at: datetime


@router.get("/", summary="Plans, also those out of use", response_model=Success[Listed[PlanOut]])
async def list_plans(
    caller: Caller, runtime: Runtime, page: Page, request: Request, is_active: bool | None = None
) -> Answer:
    query = sa.select(plans)
    if is_active is not None:
        query = query.where(plans.c.is_active == is_active)
    ordering = {"created_at": plans.c.created_at, "slug": plans.c.slug, "credits": plans.c.credits_per_month}
    async with runtime.database.transaction(None) as tx:
        found = await paginate(
            tx, query, page, request, ordering=ordering, default="credits", tie=plans.c.slug, show=_shown
        )
    return answer(found)


@router.post("/", status_code=201, summary="Add a plan", response_model=Success[PlanOut])
async def add_plan(body: PlanIn, caller: Caller, runtime: Runtime) -> Answer:
    fields = _in_millicredits(body.model_dump(exclude={"slug", "limits"}))
    plan = Plan(limits=Limits(**body.limits.model_dump()), **fields)
    return answer(await _save(runtime, caller, body.slug, AddPlan(body.slug, plan)), status=201)


@router.get("/{slug}/", summary="A plan", response_model=Success[PlanOut])
async def get_plan(slug: Slug, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(None) as tx:
        return answer(_shown(await plan_row(tx, slug)))


@router.patch("/{slug}/", summary="Change a plan", response_model=Success[PlanOut])
async def change_plan(slug: Slug, body: PlanChanges, caller: Caller, runtime: Runtime) -> Answer:
    """Each account on it gets the new limits; what it has above them stays."""
    named = body.model_dump(exclude_unset=True, exclude={"limits"})
    changes = {
        name: value for name, value in named.items() if value is not None or name == "included_credits"
    }
    limits = body.limits.model_dump(exclude_unset=True) if body.limits else {}
    return answer(await _save(runtime, caller, slug, ChangePlan(slug, _in_millicredits(changes), limits)))


@router.delete("/{slug}/", status_code=204, summary="Take a plan out of use")
async def retire_plan(slug: Slug, caller: Caller, runtime: Runtime) -> Response:
    """Staff put nobody on it any more; accounts that are on it stay, and trials run on `growth` even so. `is_active`
    brings it back."""
    await _save(runtime, caller, slug, ChangePlan(slug, {"is_active": False}))
    return Response(status_code=204)


@router.get("/{slug}/accounts/", summary="The accounts on a plan", response_model=Success[Listed[OnPlanOut]])
async def list_accounts(slug: Slug, caller: Caller, runtime: Runtime, page: Page, request: Request) -> Answer:
    columns = ALL_ENTITLEMENTS.c
    async with runtime.database.transaction(None) as tx:
        await plan_row(tx, slug)
        found = await paginate(
            tx,
            sa.select(ALL_ENTITLEMENTS).where(columns.plan == slug),
            page,
            request,
            ordering={"created_at": columns.created_at, "updated_at": columns.updated_at},
            tie=columns.account_id,
            show=_on_plan,
        )
    return answer(found)


@router.post(
    "/{slug}/accounts/",
    status_code=201,
    summary="Put an account on a plan",
    response_model=Success[OnPlanOut],
)
async def add_account(slug: Slug, body: OnPlanIn, caller: Caller, runtime: Runtime) -> Answer:
    """Its limits are the plan's from now on; what it has above them stays. Its trial is over, whether its day has come or
    not: the account is `active`. One that was suspended or cancelled stays so."""

    async def work(tx: Transaction) -> Row:
        await plan_row(tx, slug)
        await require_account(tx, body.account)
        await put_on_plan(tx, slug)
        row = await tx.first(sa.select(ALL_ENTITLEMENTS).where(ALL_ENTITLEMENTS.c.account_id == body.account))
        if row is None:
            raise not_found("Account", body.account)
        return row

    meta = replace(caller.meta, on_behalf_of=body.account)
    return answer(_on_plan(await runtime.database.run(body.account, work, meta)), status=201)


async def _save(runtime: RuntimeOf, caller: CallerOf, slug: str, command: PlanCommand) -> dict[str, Any]:
    async def work(tx: Transaction) -> Row:
        await require_expected(tx, sa.select(plans.c.version).where(plans.c.slug == slug), caller)
        if (await tx.handle(PLANS, SYSTEM_ACCOUNT, command)).events:
            await tx.defer(APPLY_PLAN, slug=slug)
        return await plan_row(tx, slug)

    return _shown(await runtime.database.run(SYSTEM_ACCOUNT, work, caller.meta))


def _in_millicredits(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: millicredits(value) if name.endswith(("credits", "per_month")) and value is not None else value
        for name, value in fields.items()
    }


def _shown(row: Row) -> dict[str, Any]:
    included = None if row["included_credits"] is None else credits(row["included_credits"])
    per_month = credits(row["credits_per_month"])
    return {
        **row,
        "credits_per_month": per_month,
        "included_credits": included,
        "monthly_credits": per_month if included is None else included,
    }


def _on_plan(row: Row) -> dict[str, Any]:
    shown = dict(row)
    return {"account": shown.pop("account_id"), **shown}
