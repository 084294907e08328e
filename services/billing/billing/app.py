"""Billing, put together."""

from contextlib import suppress

from common.api.runtime import RuntimeOf
from common.database import Database, Transaction
from common.erasure import jobs as erasure
from common.erasure.reactions import reactions as erasures
from common.export import jobs as export
from common.export.reactions import reactions as exports
from common.ids import SYSTEM_ACCOUNT
from common.messaging.reactions import Reactions
from common.replicas import accounts, models
from common.service import Service

from billing.adjustments import api as adjustments_api
from billing.entitlements import jobs as entitlements_jobs
from billing.entitlements.reactions import reactions as entitlements
from billing.model import MODEL
from billing.plans import api as plans_api
from billing.plans.decisions import PLANS, ShipPlans
from billing.plans.default_plans import DEFAULT_PLANS
from billing.rates import api as rates_api
from billing.rates.decisions import RATES, CardOutdated, PublishedCardChanged, PublishRateCard
from billing.rates.default_card import DEFAULT_CARD
from billing.wallets import api as wallets_api
from billing.wallets import jobs
from billing.wallets.reactions import reactions


async def publish_default_card(database: Database) -> None:
    """Once per version of the card; where staff have published cards of their own as that version or later, theirs count."""

    async def work(tx: Transaction) -> None:
        with suppress(PublishedCardChanged, CardOutdated):
            await tx.handle(RATES, SYSTEM_ACCOUNT, PublishRateCard(DEFAULT_CARD))

    await database.run(SYSTEM_ACCOUNT, work)


async def ship_plans(database: Database) -> None:
    """Once per version of the plans; what staff have changed stays as they made it."""

    async def work(tx: Transaction) -> None:
        if (await tx.handle(PLANS, SYSTEM_ACCOUNT, ShipPlans(DEFAULT_PLANS))).events:
            for slug in DEFAULT_PLANS:
                await tx.defer(entitlements_jobs.APPLY_PLAN, slug=slug)

    await database.run(SYSTEM_ACCOUNT, work)


async def _on_start(runtime: RuntimeOf) -> None:
    await publish_default_card(runtime.database)
    await ship_plans(runtime.database)


SERVICE = Service(
    name="billing",
    model=MODEL,
    reactions=Reactions().include(
        [accounts.reactions, erasures, exports, models.reactions, reactions, entitlements]
    ),
    routers=(
        wallets_api.router,
        rates_api.router,
        rates_api.staff_router,
        plans_api.router,
        adjustments_api.router,
    ),
    jobs=lambda runtime: (
        jobs.handler(runtime.database),
        entitlements_jobs.handler(runtime.database),
        erasure.handler(runtime),
        export.handler(runtime, export.all_of(MODEL)),
    ),
    on_start=_on_start,
)
