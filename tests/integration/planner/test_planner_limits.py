"""What a plan allows of keywords, held where they are made."""

import asyncio
from typing import Any

import httpx
from common.contracts.billing import EntitlementsChanged, Limits
from common.database import Transaction

from tests.integration.planner.conftest import add_keywords, new_tenant, place
from tests.integration.planner.test_planner_keywords import count, imported
from tests.integration.writer.service_parts import Parts, Tenant
from tests.support.events import heard


async def allow(planner: Parts, tenant: Tenant, keywords: int | None, version: int = 1) -> None:
    limits = Limits(**{**dict.fromkeys(Limits.__struct_fields__), "keywords": keywords})
    said = EntitlementsChanged(plan="tight", limits=limits)
    event = heard(tenant.id, said, version, source="billing", category="entitlements")

    async def work(tx: Transaction) -> None:
        await planner.service.reactions.handle(event, tx)

    await planner.database.run(tenant.id, work)


async def add(planner: Parts, tenant: Tenant, keyword: str) -> httpx.Response:
    return await planner.call(tenant, "POST", "/planner/keywords/", {**place(tenant), "keyword": keyword})


def refused(answer: httpx.Response, used: int, limit: int) -> bool:
    told: dict[str, Any] = answer.json()
    return (answer.status_code, told["error_code"], told["details"]) == (
        403,
        "PLAN_LIMIT_REACHED",
        {"of": "keywords", "used": used, "limit": limit},
    )


async def test_of_20_racing_keywords_as_many_as_the_plan_allows_are_made(
    planner: Parts, tenant: Tenant
) -> None:
    await allow(planner, tenant, 3)
    answers = await asyncio.gather(*(add(planner, tenant, f"crane {n}") for n in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [403] * 17
    assert all(refused(answer, 3, 3) for answer in answers if answer.status_code == 403)
    assert await count(planner, tenant) == 3


async def test_a_list_is_taken_whole_or_not_at_all(planner: Parts, tenant: Tenant) -> None:
    await allow(planner, tenant, 3)
    await add_keywords(planner, tenant, "one", "two")
    path = "/planner/keywords/bulk-import/"
    more = [{"keyword": text} for text in ("two", "three", "four")]
    answer = await planner.call(tenant, "POST", path, {**place(tenant), "keywords": more})
    assert refused(answer, 2, 3)
    assert await count(planner, tenant) == 2
    answer = await planner.call(tenant, "POST", path, {**place(tenant), "keywords": more[:2]})
    assert answer.json()["data"]["new"] == 1


async def test_an_archived_keyword_makes_room(planner: Parts, tenant: Tenant) -> None:
    await allow(planner, tenant, 1)
    (keyword,) = await add_keywords(planner, tenant, "one")
    assert refused(await add(planner, tenant, "two"), 1, 1)
    await planner.call(tenant, "DELETE", f"/planner/keywords/{keyword}/")
    assert (await add(planner, tenant, "two")).status_code == 201


async def test_an_import_brings_what_there_is_room_for_and_names_the_rest(
    planner: Parts, tenant: Tenant
) -> None:
    await allow(planner, tenant, 3)
    await add_keywords(planner, tenant, "b")
    file = "Keyword,Volume\n" + "".join(f"{text},10\n" for text in "abcdef")
    data = await imported(planner, tenant, file.encode())
    assert (data["status"], data["read"], data["new"], data["duplicates"]) == ("completed", 6, 2, 1)
    assert [(fault["line"], fault["value"]) for fault in data["errors"]] == [(5, "d"), (6, "e"), (7, "f")]
    assert all("allows 3 keywords" in fault["reason"] for fault in data["errors"])
    assert data["failed"] == 3
    assert await count(planner, tenant) == 3
    await allow(planner, tenant, None, version=2)
    assert (await imported(planner, tenant, file.encode(), "again.csv"))["new"] == 3


async def test_without_a_plan_and_in_another_account_nothing_is_limited(
    planner: Parts, tenant: Tenant
) -> None:
    other = await new_tenant(planner)
    await allow(planner, tenant, 0)
    assert refused(await add(planner, tenant, "one"), 0, 0)
    assert (await add(planner, other, "one")).status_code == 201
