"""What a plan limits by the month, held by the wallet on a real PostgreSQL."""

import asyncio
from typing import Any

import pytest
from billing.app import ship_plans
from billing.wallets import views
from billing.wallets.decisions import WALLET
from common.contracts.operations import AIOperationFailed
from common.ids import new_id
from common.plan_limits import month_of

from tests.integration.billing.conftest import Account, Billing, requested, written
from tests.support.events import stored

ANY_NUMBER = dict.fromkeys(
    ("users", "sites", "keywords", "clusters", "ideas", "ai_requests", "words", "images")
)


async def allow(billing: Billing, account: Account, **limits: int) -> None:
    """Staff make a plan of these limits, and put the account on it."""
    plan = {"slug": f"plan-{new_id().hex}", "name": "Tight", "credits_per_month": 1}
    made = await billing.staff("POST", "plans/", {**plan, "limits": {**ANY_NUMBER, **limits}})
    assert made.status_code == 201, made.text
    put = await billing.staff("POST", f"plans/{plan['slug']}/accounts/", {"account": str(account.id)})
    assert put.status_code == 201, put.text


async def used(billing: Billing, account: Account) -> dict[str, Any]:
    async with billing.database.transaction(account.id) as tx:
        row = await tx.first("SELECT month, ai_requests, words, images FROM monthly_use")
        assert row is not None
        assert row["month"] == month_of(await tx.scalar("SELECT now()"))
    return {name: row[name] for name in ("ai_requests", "words", "images")}


async def refusals(billing: Billing, account: Account) -> list[dict[str, Any]]:
    async with billing.database.transaction(account.id) as tx:
        rows = await tx.all("SELECT data->'reached' AS reached FROM events WHERE type = 'CreditsRefused'")
    return [row["reached"] for row in rows]


async def test_of_100_racing_reservations_exactly_those_that_the_plan_allows_succeed(
    billing: Billing, account: Account
) -> None:
    await allow(billing, account, words=10_000)
    await asyncio.gather(
        *(billing.hear(account, requested(new_id(), new_id(), words=1_000)) for _ in range(100))
    )
    assert await billing.said(account, "CreditsReserved") == 10
    assert await billing.said(account, "CreditsRefused") == 90
    full = {"of": "words", "used": 10_000, "asked": 1_000, "limit": 10_000}
    assert await refusals(billing, account) == [full] * 90
    assert await used(billing, account) == {"ai_requests": 10, "words": 10_000, "images": 0}


async def test_what_fails_makes_room_and_what_is_written_takes_what_it_came_to(
    billing: Billing, account: Account
) -> None:
    await allow(billing, account, words=2_000, ai_requests=3)
    one, two, item = new_id(), new_id(), new_id()
    failed = AIOperationFailed(
        operation_id=one, function="generate_content", item_id=item, error_code="X", message="no"
    )
    await billing.hear(account, requested(one, item, words=1_500), failed, again=2)
    await billing.hear(account, requested(two, item, words=1_500), written(two, item, words=700), again=2)
    assert await used(billing, account) == {"ai_requests": 1, "words": 700, "images": 0}
    await billing.hear(account, requested(new_id(), new_id(), words=1_301))
    assert await billing.said(account, "CreditsRefused") == 1
    await billing.hear(account, requested(new_id(), new_id(), words=1_300))
    assert await used(billing, account) == {"ai_requests": 2, "words": 2_000, "images": 0}


async def test_another_plan_counts_from_the_next_reservation_on(billing: Billing, account: Account) -> None:
    await allow(billing, account, ai_requests=0)
    await billing.hear(account, requested(new_id(), new_id()))
    assert await billing.said(account, "CreditsReserved") == 0
    await allow(billing, account, ai_requests=1)
    await billing.hear(account, requested(new_id(), new_id()))
    assert await billing.said(account, "CreditsReserved") == 1


async def test_an_estimate_names_the_limit_that_has_no_room(billing: Billing, account: Account) -> None:
    await allow(billing, account, words=2_000)
    await billing.hear(account, requested(new_id(), new_id(), words=1_000))
    body = {"function": "generate_content", "units": 600, "items": 2}
    told = (await billing.post(account, "/estimate/", body)).json()["data"]
    assert told["reached"] == {"of": "words", "used": 1_000, "asked": 1_200, "limit": 2_000}
    told = (await billing.post(account, "/estimate/", {**body, "items": 1})).json()["data"]
    assert (told["reached"], told["sufficient"]) == (None, True)


@pytest.mark.parametrize("slug", ["growth", "free"])
async def test_a_plan_is_chosen_once(billing: Billing, account: Account, slug: str) -> None:
    """Also that on which the trial runs: its end follows from this fact."""
    await ship_plans(billing.database)
    for _ in range(2):
        put = await billing.staff("POST", f"plans/{slug}/accounts/", {"account": str(account.id)})
        assert put.status_code == 201
    async with billing.database.transaction(account.id) as tx:
        query = (
            "SELECT data->'chosen' AS chosen FROM events WHERE type = 'EntitlementsChanged' ORDER BY position"
        )
        assert [row["chosen"] for row in await tx.all(query)] == [False, True]


async def test_the_view_applied_twice_changes_nothing(billing: Billing, account: Account) -> None:
    operation, item = new_id(), new_id()
    await billing.hear(account, requested(operation, item), written(operation, item))
    before = await used(billing, account)
    async with billing.database.transaction(account.id) as tx:
        facts = await stored(tx, WALLET.types, "wallet-%")
        await views.apply(tx, facts)
        for fact in facts:
            await views.apply(tx, [fact])
    assert await used(billing, account) == before == {"ai_requests": 1, "words": 700, "images": 0}
