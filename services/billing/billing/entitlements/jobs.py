"""Putting accounts on plans, and saying a plan's new limits for each account on it."""

from uuid import UUID

import msgspec
from common.api.errors import not_found
from common.contracts.billing import Limits
from common.database import Database, Transaction
from common.jobs.job import IMPORT, Job
from common.jobs.worker import JobHandler, Work

from billing.entitlements.decisions import ENTITLEMENTS, ApplyPlan, BeginTrial, PutOnPlan
from billing.entitlements.views import accounts_behind
from billing.plans.default_plans import DEFAULT_PLANS, TRIAL_PLAN
from billing.plans.views import kept_plan

APPLY_PLAN = Job("apply_plan", time_limit=900, attempts=1_000, priority=IMPORT)
"""An account takes some milliseconds; where there are more than fit into the time, the next attempt begins with what is left."""
ACCOUNTS_AT_ONCE = 500


async def begin_trial(tx: Transaction) -> None:
    """At the first start an account may be heard of before the plans are there: then by the limits they will have."""
    plan = await kept_plan(tx, TRIAL_PLAN)
    limits = msgspec.convert(plan["limits"], Limits) if plan else DEFAULT_PLANS[TRIAL_PLAN].limits
    await tx.handle(ENTITLEMENTS, tx.account_id, BeginTrial(TRIAL_PLAN, limits))


async def put_on_plan(tx: Transaction, slug: str) -> None:
    """Raises 404 for no plan, `PlanOutOfUse` for one that is out of use."""
    # The account's lock first, as the job takes it: the other way round the two could wait for each other.
    await tx.lock()
    plan = await kept_plan(tx, slug)
    if plan is None:
        raise not_found("Plan", slug)
    command = PutOnPlan(slug, msgspec.convert(plan["limits"], Limits), plan["is_active"])
    await tx.handle(ENTITLEMENTS, tx.account_id, command)


async def apply_plan(tx: Transaction, slug: str) -> None:
    await tx.lock()
    plan = await kept_plan(tx, slug)
    if plan is not None:
        command = ApplyPlan(slug, msgspec.convert(plan["limits"], Limits))
        await tx.handle(ENTITLEMENTS, tx.account_id, command)


def handler(database: Database) -> JobHandler:
    """The job `APPLY_PLAN`."""

    async def run(work: Work) -> None:
        slug = work.arguments["slug"]

        async def apply(tx: Transaction) -> None:
            await apply_plan(tx, slug)

        after: UUID | None = None
        while True:
            async with database.transaction(None) as tx:
                found = await accounts_behind(tx, slug, after, ACCOUNTS_AT_ONCE)
            for account_id in found:
                await database.run(account_id, apply, work.meta)
            if len(found) < ACCOUNTS_AT_ONCE:
                return
            after = found[-1]

    return JobHandler(APPLY_PLAN, run)
