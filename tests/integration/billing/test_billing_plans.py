"""Plans and what they allow each account."""

import asyncio
from typing import Any

import pytest
from billing.app import ship_plans
from billing.entitlements import jobs
from billing.entitlements import views as entitlements
from billing.entitlements.decisions import ENTITLEMENTS
from billing.plans import views as plans
from billing.plans.api import OnPlanOut, PlanOut
from billing.plans.decisions import PLANS
from common.eventsourcing.event import Meta
from common.ids import SYSTEM_ACCOUNT, new_id
from common.jobs.worker import Work

from tests.integration.billing.conftest import STAFF, Account, Billing, registered
from tests.support.events import stored

LIMITS: dict[str, int | None] = {
    "users": 5,
    "sites": None,
    "keywords": 100,
    "clusters": 10,
    "ideas": 10,
    "ai_requests": 10,
    "words": None,
    "images": 0,
}
AGENCY: dict[str, Any] = {
    "slug": "agency",
    "name": "Agency",
    "credits_per_month": 99.5,
    "included_credits": None,
    "limits": LIMITS,
}


@pytest.fixture
async def shipped(billing: Billing) -> Billing:
    await ship_plans(billing.database)
    return billing


async def limits_of(billing: Billing, account: Account) -> tuple[str, dict[str, Any]]:
    async with billing.database.transaction(account.id) as tx:
        (row,) = await tx.all("SELECT plan, limits FROM entitlements")
    return row["plan"], row["limits"]


async def run_jobs(billing: Billing, slug: str) -> None:
    """What the queue holds for a change of that plan."""
    async with billing.database.transaction(None) as tx:
        waiting = await tx.all(
            "SELECT args FROM procrastinate_jobs WHERE task_name = 'apply_plan' AND status = 'todo'"
        )
    arguments = [row["args"]["arguments"] for row in waiting]
    assert {"slug": slug} in arguments
    await jobs.handler(billing.database).run(Work(SYSTEM_ACCOUNT, Meta(), {"slug": slug}, 1))


async def test_the_plans_of_the_product_are_there_once(shipped: Billing) -> None:
    await asyncio.gather(*(ship_plans(shipped.database) for _ in range(3)))
    found = (await shipped.staff("GET", "plans/")).json()["data"]["results"]
    assert [(row["slug"], row["monthly_credits"]) for row in found] == [
        ("free", 50),
        ("starter", 1_000),
        ("growth", 5_000),
        ("scale", 25_000),
    ]
    assert await shipped.said(Account(SYSTEM_ACCOUNT), "PlanWritten") == 4


async def test_a_trial_without_credits_begins_all_the_same(
    shipped: Billing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IGNY8_TRIAL_CREDITS", "0")
    account = Account()
    await shipped.hear(account, registered(account))
    assert (await limits_of(shipped, account))[0] == "growth"
    assert (await shipped.balance(account))["balance"] == 0


async def test_a_plans_change_is_taken_to_those_who_do_not_know_of_it(shipped: Billing) -> None:
    known, late, other = Account(), Account(), Account()
    for account in (known, late, other):
        await shipped.hear(account, registered(account))
    await shipped.staff("POST", "plans/scale/accounts/", {"account": str(other.id)})

    async def behind(most: int = 10) -> list[Any]:
        async with shipped.database.transaction(None) as tx:
            return await entitlements.accounts_behind(tx, "growth", None, most)

    assert await behind() == []
    await shipped.staff("PATCH", "plans/growth/", {"limits": {"sites": 11}})
    assert await behind() == [known.id, late.id]
    assert await behind(1) == [known.id]
    await shipped.database.run(known.id, lambda tx: jobs.apply_plan(tx, "growth"))
    assert await behind() == [late.id]
    await run_jobs(shipped, "growth")
    assert await behind() == []


async def test_a_trial_begins_on_growth_limits(billing: Billing) -> None:
    before, after = Account(), Account()
    await billing.hear(before, registered(before))
    await ship_plans(billing.database)
    await billing.hear(after, registered(after), registered(after), again=2)
    for account in (before, after):
        plan, limits = await limits_of(billing, account)
        assert (plan, limits["sites"], limits["keywords"]) == ("growth", 10, 50_000)
        assert await billing.said(account, "EntitlementsChanged") == 1


async def test_a_plan_is_added_read_listed_and_changed(shipped: Billing) -> None:
    answer = await shipped.staff("POST", "plans/", AGENCY)
    assert answer.status_code == 201, answer.text
    made = answer.json()["data"]
    PlanOut.model_validate(made)
    assert {name: made[name] for name in AGENCY} == AGENCY
    assert (made["monthly_credits"], made["is_active"]) == (99.5, True)
    assert (await shipped.staff("GET", "plans/agency/")).json()["data"] == made
    assert made in (await shipped.staff("GET", "plans/")).json()["data"]["results"]
    changes = {"included_credits": 7, "limits": {"users": None}}
    changed = (await shipped.staff("PATCH", "plans/agency/", changes)).json()["data"]
    assert (changed["limits"], changed["monthly_credits"]) == ({**LIMITS, "users": None}, 7)
    assert changed["version"] == made["version"] + 1
    again = (await shipped.staff("PATCH", "plans/agency/", {"included_credits": None})).json()["data"]
    assert (again["included_credits"], again["monthly_credits"]) == (None, 99.5)
    async with shipped.database.transaction(SYSTEM_ACCOUNT) as tx:
        actor = await tx.scalar("SELECT meta->>'actor' FROM events ORDER BY position DESC LIMIT 1")
    assert actor == f"user:{STAFF}"


async def test_a_plan_is_changed_at_the_version_that_was_read(shipped: Billing) -> None:
    read = await shipped.staff("GET", "plans/growth/")
    late = {"If-Match": f'"{read.json()["data"]["version"] + 1}"'}
    for method, body in (("PATCH", {"name": "Grown"}), ("DELETE", None)):
        refused = await shipped.staff(method, "plans/growth/", body, headers=late)
        assert (refused.status_code, refused.json()["error_code"]) == (412, "PRECONDITION_FAILED")
    right = {"If-Match": read.headers["ETag"]}
    changed = await shipped.staff("PATCH", "plans/growth/", {"name": "Grown"}, headers=right)
    assert changed.json()["data"]["name"] == "Grown"


async def test_a_slug_is_taken_once(shipped: Billing) -> None:
    for _ in range(2):
        assert (await shipped.staff("POST", "plans/", AGENCY)).status_code == 201
    refused = await shipped.staff("POST", "plans/", AGENCY | {"name": "Another"})
    assert (refused.status_code, refused.json()["error_code"]) == (409, "SLUG_TAKEN")


async def test_an_account_is_put_on_a_plan(shipped: Billing, account: Account) -> None:
    await shipped.staff("POST", "plans/", AGENCY)
    answer = await shipped.staff("POST", "plans/agency/accounts/", {"account": str(account.id)})
    assert answer.status_code == 201, answer.text
    made = answer.json()["data"]
    OnPlanOut.model_validate(made)
    assert (made["account"], made["plan"], made["limits"]) == (str(account.id), "agency", LIMITS)
    assert (await shipped.staff("GET", "plans/agency/accounts/")).json()["data"]["results"] == [made]
    assert (await shipped.staff("GET", "plans/growth/accounts/")).json()["data"]["count"] == 0
    async with shipped.database.transaction(account.id) as tx:
        meta = await tx.scalar("SELECT meta FROM events ORDER BY position DESC LIMIT 1")
    assert (meta["actor"], meta["on_behalf_of"]) == (f"user:{STAFF}", str(account.id))


async def test_a_plan_out_of_use_keeps_its_accounts_and_takes_no_others(
    shipped: Billing, account: Account
) -> None:
    other = Account()
    await shipped.hear(other, registered(other))
    await shipped.staff("POST", "plans/", AGENCY)
    await shipped.staff("POST", "plans/agency/accounts/", {"account": str(account.id)})
    assert (await shipped.staff("DELETE", "plans/agency/")).status_code == 204
    assert (await shipped.staff("DELETE", "plans/agency/")).status_code == 204
    refused = await shipped.staff("POST", "plans/agency/accounts/", {"account": str(other.id)})
    assert (refused.status_code, refused.json()["error_code"]) == (409, "INVALID_TRANSITION")
    assert (await limits_of(shipped, account))[0] == "agency"
    unused = (await shipped.staff("GET", "plans/?is_active=false")).json()["data"]["results"]
    assert [row["slug"] for row in unused] == ["agency"]
    assert (await shipped.staff("PATCH", "plans/agency/", {"is_active": True})).json()["data"]["is_active"]


async def test_a_changed_plan_is_said_for_each_account_on_it(
    shipped: Billing, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ACCOUNTS_AT_ONCE", 2)
    others = [Account() for _ in range(4)]
    for other in others:
        await shipped.hear(other, registered(other))
    await shipped.staff("POST", "plans/free/accounts/", {"account": str(others[0].id)})
    await shipped.staff("PATCH", "plans/growth/", {"limits": {"sites": 12}})
    assert (await limits_of(shipped, account))[1]["sites"] == 10, "that is the job's work"
    await run_jobs(shipped, "growth")
    found = {each.id: await limits_of(shipped, each) for each in (account, *others)}
    assert [limits["sites"] for _, limits in found.values()].count(12) == 4
    assert found[others[0].id][0] == "free"
    before = await shipped.said(account, "EntitlementsChanged")
    await run_jobs(shipped, "growth")
    assert await shipped.said(account, "EntitlementsChanged") == before == 2


async def test_who_comes_to_a_plan_while_it_changes_gets_its_new_limits(shipped: Billing) -> None:
    accounts = [Account() for _ in range(8)]
    for each in accounts:
        await shipped.hear(each, registered(each))
    change = shipped.staff("PATCH", "plans/scale/", {"limits": {"sites": 51}})
    puts = [shipped.staff("POST", "plans/scale/accounts/", {"account": str(each.id)}) for each in accounts]
    await asyncio.gather(*puts[:4], change, *puts[4:])
    await run_jobs(shipped, "scale")
    assert {(await limits_of(shipped, each))[1]["sites"] for each in accounts} == {51}


async def test_a_plan_that_does_not_fit_is_refused_by_field(shipped: Billing) -> None:
    for change, field in (
        ({"slug": "No Slug"}, "slug"),
        ({"name": ""}, "name"),
        ({"credits_per_month": -1}, "credits_per_month"),
        ({"included_credits": "7"}, "included_credits"),
        ({"limits": {**LIMITS, "users": -1}}, "limits.users"),
        ({"limits": {**LIMITS, "users": 1.5}}, "limits.users"),
        ({"limits": {"users": 1}}, "limits.sites"),
        ({"limits": {**LIMITS, "posts": 1}}, "limits.posts"),
        ({"is_active": False}, "is_active"),
    ):
        refused = await shipped.staff("POST", "plans/", AGENCY | change)
        assert (refused.status_code, refused.json()["error_code"]) == (400, "VALIDATION_ERROR"), change
        assert field in refused.json()["errors"], change
        assert (await shipped.staff("GET", "plans/agency/")).status_code == 404, change


async def test_what_is_not_there_is_not_found(shipped: Billing, account: Account) -> None:
    nobody, there = {"account": str(new_id())}, {"account": str(account.id)}
    for method, path, body in (
        ("GET", "plans/none/", None),
        ("PATCH", "plans/none/", {"name": "x"}),
        ("DELETE", "plans/none/", None),
        ("GET", "plans/none/accounts/", None),
        ("POST", "plans/none/accounts/", there),
        ("POST", "plans/free/accounts/", nobody),
    ):
        answer = await shipped.staff(method, path, body)
        assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND"), path


@pytest.mark.parametrize("role", ["owner", "admin", "viewer"])
async def test_plans_are_for_staff(shipped: Billing, account: Account, role: str) -> None:
    body = {"account": str(account.id)}
    for method, path, sent in (
        ("GET", "plans/", None),
        ("POST", "plans/", AGENCY),
        ("GET", "plans/free/", None),
        ("PATCH", "plans/free/", {"name": "x"}),
        ("DELETE", "plans/free/", None),
        ("GET", "plans/free/accounts/", None),
        ("POST", "plans/free/accounts/", body),
    ):
        assert (await shipped.staff(method, path, sent, role=role)).status_code == 403


async def test_views_applied_twice_change_nothing(shipped: Billing, account: Account) -> None:
    await shipped.staff("PATCH", "plans/growth/", {"name": "Grown"})
    await shipped.staff("POST", "plans/free/accounts/", {"account": str(account.id)})
    for view, decider, owner in (
        (plans, PLANS, SYSTEM_ACCOUNT),
        (entitlements, ENTITLEMENTS, account.id),
    ):
        query = f"SELECT * FROM {view.PROJECTION.tables[0].name} ORDER BY 1"
        async with shipped.database.transaction(owner) as tx:
            before = await tx.all(query)
            facts = await stored(tx, decider.types, f"{decider.category}-%")
            assert len(facts) > 1
            await view.apply(tx, facts)
            for fact in facts:
                await view.apply(tx, [fact])
            assert await tx.all(query) == before


async def test_without_a_tenant_no_entitlements_are_seen(shipped: Billing, account: Account) -> None:
    assert (await limits_of(shipped, account))[0] == "growth"
    async with shipped.database.transaction(None) as tx:
        assert await tx.scalar("SELECT count(*) FROM entitlements") == 0
