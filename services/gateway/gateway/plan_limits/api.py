"""The route of an account's limits.

They are held where the things are made: users and sites here, keywords, clusters and ideas in the planner, AI requests,
words and images where billing reserves for them.
"""

from typing import Annotated

import sqlalchemy as sa
from common.api.answers import Success
from common.api.caller import Caller
from common.api.envelope import Answer, answer
from common.api.runtime import Runtime
from common.plan_limits import MONTHLY, LimitName
from common.replicas.limits import month_so_far, replica_limits
from fastapi import APIRouter
from pydantic import BaseModel, Field

from gateway.accounts.views import active_members, sites
from gateway.invitations.views import open_invitations
from gateway.overview.views import Within, counted

router = APIRouter(prefix="/api/v1/account/limits", tags=["account"])

PLANNED: dict[LimitName, str] = {"keywords": "keyword", "clusters": "cluster", "ideas": "idea"}
"""The kinds of the overview that the planner's limits are counted by."""
LIMITS: tuple[LimitName, ...] = ("users", "sites", *PLANNED, *MONTHLY)


class LimitOut(BaseModel):
    name: LimitName
    used: int
    limit: Annotated[int | None, Field(description="Null: any number.", examples=[10])]
    monthly: Annotated[bool, Field(description="Counted anew in each calendar month (UTC).")]


class LimitsOut(BaseModel):
    """Users with open invitations, sites, keywords, clusters and ideas, each without what is archived; AI requests, words and
    images of this month, with the most that running operations may come to.

    What others have is counted as it is heard of, a moment later.
    """

    plan: str | None = Field(
        description="Null: no plan is known, and nothing is limited.", examples=["growth"]
    )
    limits: list[LimitOut]


@router.get("/", summary="What the plan allows, and what is used", response_model=Success[LimitsOut])
async def get_limits(caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        row = await tx.first(sa.select(replica_limits))
        there = sa.select(sa.func.count()).select_from(sites).where(~sites.c.archived)
        used = {
            "users": await active_members(tx) + await open_invitations(tx),
            "sites": int(await tx.scalar(there)),
        }
        month = await month_so_far(tx)
        planned = await counted(tx, Within(), PLANNED.values(), "kind")
    by_kind = {row["kind"]: int(row["entries"]) for row in planned}
    used |= {name: by_kind.get(kind, 0) for name, kind in PLANNED.items()}
    used |= {name: getattr(month, name) for name in MONTHLY}
    allowed = row["limits"] if row else {}
    found = [
        LimitOut(name=name, used=used[name], limit=allowed.get(name), monthly=name in MONTHLY)
        for name in LIMITS
    ]
    return answer(LimitsOut(plan=row["plan"] if row else None, limits=found))
