"""What a plan allows, held where users and sites are made, also where many are made at once."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from common.contracts import Contract
from common.contracts.billing import (
    CreditsDeducted,
    CreditsReleased,
    CreditsReserved,
    EntitlementsChanged,
    Limits,
    MonthlyUse,
)
from common.contracts.planner import KeywordItem, KeywordsChanged
from common.database import Transaction
from common.ids import new_id
from common.plan_limits import month_of
from gateway.app import SERVICE
from msgspec.structs import replace

from tests.integration.gateway.running import Gateway, Tenant
from tests.support import events

ACCOUNT = "/api/v1/account"
ANY_NUMBER = dict.fromkeys(Limits.__struct_fields__)


async def say(tenant: Tenant, contract: Contract, version: int = 1, source: str = "billing") -> None:
    event = events.heard(tenant.account_id, contract, version, source=source, category="entitlements")

    async def work(tx: Transaction) -> None:
        await SERVICE.reactions.handle(event, tx)

    await tenant.gateway.runtime.database.run(tenant.account_id, work)


async def allow(tenant: Tenant, version: int = 1, **limits: int | None) -> None:
    allowed = Limits(**{**ANY_NUMBER, **limits})
    await say(tenant, EntitlementsChanged(plan="tight", limits=allowed), version)


async def send(tenant: Tenant, method: str, path: str, **body: Any) -> tuple[int, Any]:
    async with tenant.client() as client:
        answer = await client.request(method, f"{ACCOUNT}/{path}", json=body or None)
    return answer.status_code, answer.json() if answer.content else None


async def invite(tenant: Tenant) -> tuple[int, Any]:
    return await send(tenant, "POST", "invitations/", email=f"{uuid4().hex}@example.com", role="viewer")


async def add_site(tenant: Tenant) -> tuple[int, Any]:
    return await send(tenant, "POST", "sites/", name=uuid4().hex)


def refused(answer: tuple[int, Any], of: str, used: int, limit: int) -> bool:
    status, told = answer
    return (status, told["error_code"], told["details"]) == (
        403,
        "PLAN_LIMIT_REACHED",
        {"of": of, "used": used, "limit": limit},
    )


async def test_of_20_racing_sites_as_many_as_the_plan_allows_are_made(tenant: Tenant) -> None:
    await allow(tenant, sites=3)
    answers = await asyncio.gather(*(add_site(tenant) for _ in range(20)))
    assert sorted(status for status, _ in answers) == [201] * 3 + [403] * 17
    assert all(refused(answer, "sites", 3, 3) for answer in answers if answer[0] == 403)
    async with tenant.client() as client:
        assert (await client.get(f"{ACCOUNT}/sites/")).json()["data"]["count"] == 3


async def test_of_20_racing_invitations_as_many_as_there_is_room_for_are_made(tenant: Tenant) -> None:
    await allow(tenant, users=4)
    answers = await asyncio.gather(*(invite(tenant) for _ in range(20)))
    assert sorted(status for status, _ in answers) == [201] * 3 + [403] * 17
    assert all(refused(answer, "users", 4, 4) for answer in answers if answer[0] == 403)


async def test_an_archived_site_makes_room_and_comes_back_only_into_room(tenant: Tenant) -> None:
    await allow(tenant, sites=1)
    (_, made) = await add_site(tenant)
    path = f"sites/{made['data']['id']}/"
    assert refused(await add_site(tenant), "sites", 1, 1)
    await send(tenant, "DELETE", path)
    assert (await add_site(tenant))[0] == 201
    assert refused(await send(tenant, "POST", f"{path}restore/"), "sites", 1, 1)
    await allow(tenant, 2, sites=2)
    assert (await send(tenant, "POST", f"{path}restore/"))[0] == 200
    assert (await send(tenant, "POST", f"{path}restore/"))[0] == 200, "it is back: nothing is added"


async def test_who_was_taken_out_makes_room_and_comes_back_only_into_room(tenant: Tenant) -> None:
    member = await tenant.invite("viewer")
    path = f"users/{member.user_id}/"
    await allow(tenant, users=2)
    assert (await send(tenant, "PATCH", path, role="editor"))[0] == 200
    await send(tenant, "DELETE", path)
    (_, made) = await invite(tenant)
    assert refused(await send(tenant, "PATCH", path, is_active=True), "users", 2, 2)
    await send(tenant, "DELETE", f"invitations/{made['data']['id']}/")
    assert (await send(tenant, "PATCH", path, is_active=True))[0] == 200


async def test_an_open_invitation_is_sent_again_though_the_plan_is_full(tenant: Tenant) -> None:
    (_, made) = await invite(tenant)
    await allow(tenant, users=1)
    assert (await send(tenant, "POST", f"invitations/{made['data']['id']}/resend/"))[0] == 200


async def test_who_is_invited_already_is_told_so_though_the_plan_is_full(tenant: Tenant) -> None:
    (_, made) = await invite(tenant)
    await allow(tenant, users=2)
    again = await send(tenant, "POST", "invitations/", email=made["data"]["email"], role="viewer")
    assert (again[0], again[1]["error_code"]) == (409, "ALREADY_INVITED")


async def test_an_invitation_is_accepted_though_the_plan_is_full(tenant: Tenant) -> None:
    await allow(tenant, users=2)
    await tenant.invite("viewer")
    assert refused(await invite(tenant), "users", 2, 2)


async def test_without_a_plan_nothing_is_limited(tenant: Tenant) -> None:
    assert (await add_site(tenant))[0] == 201
    status, told = await send(tenant, "GET", "limits/")
    assert (status, told["data"]["plan"]) == (200, None)
    assert {each["limit"] for each in told["data"]["limits"]} == {None}


async def test_what_is_there_above_the_limit_stays(tenant: Tenant) -> None:
    for _ in range(3):
        await add_site(tenant)
    await allow(tenant, sites=1)
    assert refused(await add_site(tenant), "sites", 3, 1)
    async with tenant.client() as client:
        assert (await client.get(f"{ACCOUNT}/sites/")).json()["data"]["count"] == 3


async def test_limits_show_what_is_used(gateway: Gateway, tenant: Tenant) -> None:
    await allow(tenant, users=5, sites=2, keywords=100, ideas=7)
    await allow(tenant, 1, users=9)  # heard late: as old as what is known
    (_, made) = await add_site(tenant)
    await tenant.invite("viewer")
    await invite(tenant)
    keywords = tuple(KeywordItem(keyword_id=new_id(), keyword=text, status="new") for text in ("a", "b"))
    site = made["data"]["id"]
    said = KeywordsChanged(site_id=site, sector_id=new_id(), keywords=keywords)
    await say(tenant, said, source="planner")
    _, told = await send(tenant, "GET", "limits/")
    assert told["data"] == {
        "plan": "tight",
        "limits": [
            {"name": "users", "used": 3, "limit": 5, "monthly": False},
            {"name": "sites", "used": 1, "limit": 2, "monthly": False},
            {"name": "keywords", "used": 2, "limit": 100, "monthly": False},
            {"name": "clusters", "used": 0, "limit": None, "monthly": False},
            {"name": "ideas", "used": 0, "limit": 7, "monthly": False},
            {"name": "ai_requests", "used": 0, "limit": None, "monthly": True},
            {"name": "words", "used": 0, "limit": None, "monthly": True},
            {"name": "images", "used": 0, "limit": None, "monthly": True},
        ],
    }
    other = await gateway.register()
    _, theirs = await send(other, "GET", "limits/")
    assert [each["used"] for each in theirs["data"]["limits"]] == [1] + [0] * 7
    async with gateway.client() as nobody:
        assert (await nobody.get(f"{ACCOUNT}/limits/")).status_code == 401


async def monthly(tenant: Tenant) -> dict[str, tuple[int, int | None]]:
    _, told = await send(tenant, "GET", "limits/")
    return {each["name"]: (each["used"], each["limit"]) for each in told["data"]["limits"] if each["monthly"]}


async def test_limits_show_what_a_month_has_used(gateway: Gateway, tenant: Tenant) -> None:
    async with gateway.runtime.database.transaction(None) as tx:
        now: datetime = await tx.scalar("SELECT now()")
    month, operation = month_of(now), new_id()
    await allow(tenant, ai_requests=10, words=2_000)
    moved: dict[str, Any] = {"operation_id": operation, "amount": 1, "balance": 1, "available": 1}

    def used(**counts: int) -> MonthlyUse:
        return MonthlyUse(month=month, **counts)

    settled = CreditsDeducted(
        **moved, item_id=new_id(), function="generate_content", used=used(ai_requests=2, words=900)
    )
    reserved = CreditsReserved(**moved, expires_at="", used=used(ai_requests=2, words=1_000))
    await say(tenant, settled, 3)
    await say(tenant, reserved, 2)  # heard late
    await say(tenant, replace(reserved, used=None), 4)
    assert await monthly(tenant) == {"ai_requests": (2, 10), "words": (900, 2_000), "images": (0, None)}
    freed = CreditsReleased(**moved, reason="failed", used=used(ai_requests=1, words=400, images=1))
    await say(tenant, freed, 5)
    assert await monthly(tenant) == {"ai_requests": (1, 10), "words": (400, 2_000), "images": (1, None)}
    over = MonthlyUse(month="2001-01", ai_requests=9, words=9, images=9)
    await say(tenant, replace(reserved, used=over), 6)
    assert await monthly(tenant) == {"ai_requests": (0, 10), "words": (0, 2_000), "images": (0, None)}


async def status_of(tenant: Tenant) -> str:
    status: str = (await send(tenant, "GET", ""))[1]["data"]["status"]
    return status


async def test_a_trial_ends_with_the_plan_that_the_account_is_put_on(tenant: Tenant) -> None:
    unlimited = Limits(**ANY_NUMBER)
    await say(tenant, EntitlementsChanged(plan="growth", limits=unlimited))
    assert await status_of(tenant) == "trial", "its trial has begun"
    chosen = EntitlementsChanged(plan="growth", limits=unlimited, chosen=True)
    for version in (2, 2):
        await say(tenant, chosen, version)
        assert await status_of(tenant) == "active"
    async with tenant.gateway.runtime.database.transaction(tenant.account_id) as tx:
        assert await tx.scalar("SELECT count(*) FROM events WHERE type = 'AccountStatusChanged'") == 1


@pytest.mark.parametrize("role", ["editor", "viewer"])
async def test_every_member_reads_the_limits(tenant: Tenant, role: str) -> None:
    member = await tenant.invite(role)
    assert (await send(member, "GET", "limits/"))[0] == 200
