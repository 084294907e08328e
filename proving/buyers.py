"""Tenants that bought more credits than they will spend, and whether they were charged for what was delivered to them."""

from collections.abc import Sequence

import psycopg
from billing.app import publish_default_card
from billing.wallets.decisions import WALLET, GrantCredits
from common.database import Database, Transaction
from common.ids import stable_id

from proving.traffic import Tenant

BOUGHT = 1_000_000_000
"""Millicredits of each tenant. Who is refused would depend on the order in which messages come."""


async def let_buy(billing: Database, tenants: Sequence[Tenant]) -> None:
    async def buy(tx: Transaction) -> None:
        grant = GrantCredits(stable_id("bought", tx.account_id), "purchase", BOUGHT)
        await tx.handle(WALLET, tx.account_id, grant)

    await publish_default_card(billing)
    for tenant in tenants:
        await billing.run(tenant.account_id, buy)


def wrong_balances(billing_url: str, tenants: Sequence[Tenant]) -> list[str]:
    """Accounts that have another balance than what they bought less what they owe, or credits still reserved."""
    with psycopg.connect(billing_url) as connection:
        query = "SELECT account_id, balance, reserved FROM wallets"
        found = {account: (balance, reserved) for account, balance, reserved in connection.execute(query)}
    return [
        f"{tenant.account_id} has {found.get(tenant.account_id)} instead of {(BOUGHT - tenant.owes, 0)}"
        for tenant in tenants
        if found.get(tenant.account_id) != (BOUGHT - tenant.owes, 0)
    ]
