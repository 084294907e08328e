"""Tenants on a plan without limits: a campaign makes more sites than any trial may have."""

from collections.abc import Mapping
from uuid import UUID

from common.contracts.billing import Limits
from igny8_local.demo.client import Json, Refused

from proving.load import TenantClient
from tests.parts.ports import wait_for
from tests.support.command import igny8
from tests.support.product import Product

PLAN = "unlimited"
HOLD = ("gateway", "planner", "writer")
"""The services that hear of limits, beside billing."""


def lift_limits(stack: Product, login: Mapping[str, str], own: UUID, accounts: list[UUID]) -> None:
    """Make the one with this login (of the account `own`) staff, and let it put the accounts on such a plan."""
    added = igny8("staff", "add", login["email"], "--data-dir", stack.stack.layout.data_dir)
    assert added.returncode == 0, added.stderr
    client = TenantClient(stack.url)
    client.sign_in(**login)
    client.act_as(own)
    wait_for(lambda: _done(client, "admin/plans/", _plan()), what="the gateway knows of its staff")
    for account in accounts:
        _put(stack, client, account)
    client.close()


def _put(stack: Product, client: TenantClient, account: UUID) -> None:
    path, body = f"admin/plans/{PLAN}/accounts/", {"account": str(account)}
    wait_for(lambda: _done(client, path, body), what="billing has heard of the account")
    query = "SELECT plan FROM replica_limits WHERE account_id = %s"

    def heard() -> bool:
        return all([row["plan"] for row in stack.rows(each, query, account)] == [PLAN] for each in HOLD)

    wait_for(heard, what="its plan has been heard of")


def _plan() -> Json:
    limits = dict.fromkeys(Limits.__struct_fields__)
    return {"slug": PLAN, "name": "Unlimited", "credits_per_month": 0, "limits": limits}


def _done(client: TenantClient, path: str, body: Json) -> bool:
    try:
        client.post(path, body)
    except Refused as refused:
        if refused.code in ("FORBIDDEN", "NOT_FOUND"):
            return False
        raise
    return True
