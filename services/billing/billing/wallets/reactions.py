"""What the wallet hears: accounts, operations and their outcomes."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from common.contracts.gateway import AccountRegistered
from common.contracts.operations import AIOperationCancelled, AIOperationFailed, AIOperationRequested
from common.contracts.planner import IdeasGenerated, KeywordsClustered
from common.contracts.writer import ContentGenerated, ImagePromptsGenerated, ImagesGenerated
from common.database import Transaction
from common.ids import stable_id
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions
from common.plan_limits import month_of
from common.settings import Settings

from billing.entitlements.views import limits_of
from billing.rates.views import all_cards, current_card
from billing.wallets.decisions import (
    WALLET,
    GrantCredits,
    ReleaseItems,
    ReserveCredits,
    SettleItem,
    WalletCommand,
)
from billing.wallets.events import Origin
from billing.wallets.jobs import schedule_expiry

RESERVATION_LASTS = timedelta(hours=2)
"""Longer than the slowest operation takes with all its attempts; an outcome after that is charged from what is left."""

reactions = Reactions()


async def handle(tx: Transaction, command: WalletCommand) -> None:
    """The command to the account's wallet, and the job that expires what it made."""
    handled = await tx.handle(WALLET, tx.account_id, command)
    await schedule_expiry(tx, handled.events)


@reactions.on(AccountRegistered)
async def account_registered(event: Heard[AccountRegistered], tx: Transaction) -> None:
    amount = Settings().trial_credits * 1000
    if event.data.status == "trial" and amount:
        await handle(
            tx,
            GrantCredits(
                grant_id=stable_id("trial", event.account_id),
                kind="promotion",
                amount=amount,
                description="Trial credits",
            ),
        )


@reactions.on(AIOperationRequested)
async def operation_requested(event: Heard[AIOperationRequested], tx: Transaction) -> None:
    asked = event.data
    await tx.lock()  # the account's plan stays as it is read
    now: datetime = await tx.scalar(sa.select(sa.func.now()))
    await handle(
        tx,
        ReserveCredits(
            operation_id=asked.operation_id,
            function=asked.function,
            items=asked.items,
            card=await current_card(tx),
            expires_at=now + RESERVATION_LASTS,
            origin=Origin(
                site_id=asked.site_id,
                sector_id=asked.sector_id,
                user_id=asked.user_id,
                api_key_id=asked.api_key_id,
                rule_id=asked.rule_id,
                run_id=asked.run_id,
            ),
            month=month_of(now),
            limits=await limits_of(tx),
        ),
    )


@reactions.on(KeywordsClustered, IdeasGenerated, ContentGenerated, ImagePromptsGenerated, ImagesGenerated)
async def item_succeeded(event: Heard[Any], tx: Transaction) -> None:
    outcome = event.data
    if outcome.charge is None:  # a part of a long list; the last one carries the charge
        return
    await handle(
        tx,
        SettleItem(
            operation_id=outcome.operation_id,
            item_id=outcome.item_id,
            charge=outcome.charge,
            usage=outcome.usage,
            cards=await all_cards(tx),
        ),
    )


@reactions.on(AIOperationFailed)
async def item_failed(event: Heard[AIOperationFailed], tx: Transaction) -> None:
    failed = event.data
    await handle(
        tx,
        ReleaseItems(
            operation_id=failed.operation_id,
            item_id=failed.item_id,
            reason="failed",
            error_code=failed.error_code,
            provider_cost_micro_usd=failed.provider_cost_micro_usd,
        ),
    )


@reactions.on(AIOperationCancelled)
async def operation_cancelled(event: Heard[AIOperationCancelled], tx: Transaction) -> None:
    await handle(tx, ReleaseItems(event.data.operation_id, None, "cancelled"))
