"""What a plan allows of keywords, clusters and ideas, held where they are made."""

import asyncio
from typing import Any

import httpx
import pytest
from common.ai.functions import AnyFunction
from common.ai.providers.local import LocalProvider
from common.contracts.billing import EntitlementsChanged, LimitReached, Limits
from common.contracts.operations import AIOperationFailed, AIOperationRequested, Usage
from common.database import Transaction
from msgspec.structs import replace
from planner.ideas.jobs import GenerateIdeas

from tests.integration.planner.conftest import add_keywords, new_tenant, place
from tests.integration.planner.others import Others
from tests.integration.planner.test_planner_keywords import count, imported
from tests.integration.planner.test_planner_pipeline import KEYWORDS, shown, start
from tests.integration.writer.service_parts import LOCAL, Parts, Tenant
from tests.support.events import heard


class Costly(LocalProvider):
    """Answers as the local one does, and bills us for it."""

    async def run(self, function: AnyFunction, input: Any, *, key: str) -> tuple[Any, Usage]:
        output, usage = await LOCAL.run(function, input, key=key)
        return output, replace(usage, cost_micro_usd=700)


async def allow(planner: Parts, tenant: Tenant, version: int = 1, **allowed: int | None) -> None:
    limits = Limits(**{**dict.fromkeys(Limits.__struct_fields__), **allowed})
    said = EntitlementsChanged(plan="tight", limits=limits)
    event = heard(tenant.id, said, version, source="billing", category="entitlements")

    async def work(tx: Transaction) -> None:
        await planner.service.reactions.handle(event, tx)

    await planner.database.run(tenant.id, work)


async def add(planner: Parts, tenant: Tenant, keyword: str) -> httpx.Response:
    return await planner.call(tenant, "POST", "/planner/keywords/", {**place(tenant), "keyword": keyword})


async def add_cluster(planner: Parts, tenant: Tenant, name: str) -> httpx.Response:
    return await planner.call(tenant, "POST", "/planner/clusters/", {**place(tenant), "name": name})


async def add_idea(planner: Parts, tenant: Tenant, cluster: str, title: str) -> httpx.Response:
    idea = {**place(tenant), "keyword_cluster": cluster, "idea_title": title}
    return await planner.call(tenant, "POST", "/planner/ideas/", idea)


async def group(planner: Parts, tenant: Tenant) -> httpx.Response:
    sector = {"sector_id": str(tenant.sector)}
    return await planner.call(tenant, "POST", "/planner/keywords/auto_cluster/", sector)


async def propose(planner: Parts, tenant: Tenant, *clusters: str, count: int) -> httpx.Response:
    asked = {"cluster_ids": clusters, "count": count}
    return await planner.call(tenant, "POST", "/planner/clusters/auto_generate_ideas/", asked)


async def there(planner: Parts, tenant: Tenant, of: str) -> list[str]:
    found = (await planner.call(tenant, "GET", f"/planner/{of}/")).json()["data"]["results"]
    return [each["id"] for each in found]


def refused(answer: httpx.Response, used: int, limit: int, of: str = "keywords") -> bool:
    told: dict[str, Any] = answer.json()
    return (answer.status_code, told["error_code"], told["details"]) == (
        403,
        "PLAN_LIMIT_REACHED",
        {"of": of, "used": used, "limit": limit},
    )


async def test_of_20_racing_keywords_as_many_as_the_plan_allows_are_made(
    planner: Parts, tenant: Tenant
) -> None:
    await allow(planner, tenant, keywords=3)
    answers = await asyncio.gather(*(add(planner, tenant, f"crane {n}") for n in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [403] * 17
    assert all(refused(answer, 3, 3) for answer in answers if answer.status_code == 403)
    assert await count(planner, tenant) == 3


async def test_a_list_is_taken_whole_or_not_at_all(planner: Parts, tenant: Tenant) -> None:
    await allow(planner, tenant, keywords=3)
    await add_keywords(planner, tenant, "one", "two")
    path = "/planner/keywords/bulk-import/"
    more = [{"keyword": text} for text in ("two", "three", "four")]
    answer = await planner.call(tenant, "POST", path, {**place(tenant), "keywords": more})
    assert refused(answer, 2, 3)
    assert await count(planner, tenant) == 2
    answer = await planner.call(tenant, "POST", path, {**place(tenant), "keywords": more[:2]})
    assert answer.json()["data"]["new"] == 1


async def test_an_archived_keyword_makes_room(planner: Parts, tenant: Tenant) -> None:
    await allow(planner, tenant, keywords=1)
    (keyword,) = await add_keywords(planner, tenant, "one")
    assert refused(await add(planner, tenant, "two"), 1, 1)
    await planner.call(tenant, "DELETE", f"/planner/keywords/{keyword}/")
    assert (await add(planner, tenant, "two")).status_code == 201


async def test_an_import_brings_what_there_is_room_for_and_names_the_rest(
    planner: Parts, tenant: Tenant
) -> None:
    await allow(planner, tenant, keywords=3)
    await add_keywords(planner, tenant, "b")
    file = "Keyword,Volume\n" + "".join(f"{text},10\n" for text in "abcdef")
    data = await imported(planner, tenant, file.encode())
    assert (data["status"], data["read"], data["new"], data["duplicates"]) == ("completed", 6, 2, 1)
    assert [(fault["line"], fault["value"]) for fault in data["errors"]] == [(5, "d"), (6, "e"), (7, "f")]
    assert all("allows 3 keywords" in fault["reason"] for fault in data["errors"])
    assert data["failed"] == 3
    assert await count(planner, tenant) == 3
    await allow(planner, tenant, version=2)
    assert (await imported(planner, tenant, file.encode(), "again.csv"))["new"] == 3


async def test_without_a_plan_and_in_another_account_nothing_is_limited(
    planner: Parts, tenant: Tenant
) -> None:
    other = await new_tenant(planner)
    await allow(planner, tenant, keywords=0)
    assert refused(await add(planner, tenant, "one"), 0, 0)
    assert (await add(planner, other, "one")).status_code == 201


async def test_of_20_racing_clusters_as_many_as_the_plan_allows_are_made(
    planner: Parts, tenant: Tenant
) -> None:
    await allow(planner, tenant, clusters=3)
    answers = await asyncio.gather(*(add_cluster(planner, tenant, f"Cranes {n}") for n in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [403] * 17
    assert all(refused(answer, 3, 3, "clusters") for answer in answers if answer.status_code == 403)
    one = (await there(planner, tenant, "clusters"))[0]
    await planner.call(tenant, "DELETE", f"/planner/clusters/{one}/")
    assert (await add_cluster(planner, tenant, "Cranes again")).status_code == 201


async def test_of_20_racing_ideas_as_many_as_the_plan_allows_are_made(planner: Parts, tenant: Tenant) -> None:
    await allow(planner, tenant, ideas=3)
    made = [(await add_cluster(planner, tenant, name)).json()["data"]["id"] for name in ("Cranes", "Lifts")]
    answers = await asyncio.gather(*(add_idea(planner, tenant, made[n % 2], f"{n}") for n in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [403] * 17
    assert all(refused(answer, 3, 3, "ideas") for answer in answers if answer.status_code == 403)
    one = (await there(planner, tenant, "ideas"))[0]
    await planner.call(tenant, "DELETE", f"/planner/ideas/{one}/")
    assert (await add_idea(planner, tenant, made[0], "Again")).status_code == 201


async def test_clusters_above_the_limit_fail_their_operation_and_cost_nothing(
    planner: Parts, tenant: Tenant, others: Others
) -> None:
    await add_keywords(planner, tenant, *KEYWORDS)
    planner.runtime.provider = Costly()
    await allow(planner, tenant, clusters=1)
    assert (await group(planner, tenant)).status_code == 202
    await others.settle()
    (failed,) = await planner.said(tenant, AIOperationFailed)
    assert (failed.error_code, failed.provider_cost_micro_usd) == ("PLAN_LIMIT_REACHED", 700)
    assert "allows 1 clusters" in failed.message
    assert await there(planner, tenant, "clusters") == []
    await allow(planner, tenant, version=2, clusters=20)
    assert (await group(planner, tenant)).status_code == 202
    await others.settle()
    made = len(await there(planner, tenant, "clusters"))
    assert made > 1
    await allow(planner, tenant, version=3, clusters=made)
    await add_keywords(planner, tenant, "one that waits")
    assert refused(await group(planner, tenant), made, made, "clusters")


async def test_ideas_above_the_limit_fail_their_cluster_and_leave_the_others(
    planner: Parts, tenant: Tenant, others: Others
) -> None:
    await add_keywords(planner, tenant, *KEYWORDS)
    await group(planner, tenant)
    await others.settle()
    clusters = (await there(planner, tenant, "clusters"))[:2]
    await allow(planner, tenant, ideas=3)
    assert (await propose(planner, tenant, *clusters, count=2)).status_code == 202
    await others.settle()
    assert len(await there(planner, tenant, "ideas")) == 2
    (failed,) = await planner.said(tenant, AIOperationFailed)
    assert failed.error_code == "PLAN_LIMIT_REACHED"
    assert (await propose(planner, tenant, clusters[0], count=1)).status_code == 202
    await others.settle()
    assert len(await there(planner, tenant, "ideas")) == 3
    assert refused(await propose(planner, tenant, clusters[0], count=1), 3, 3, "ideas")


async def test_what_an_answer_cost_is_said_where_a_limit_ends_its_retry(
    planner: Parts, tenant: Tenant, others: Others, monkeypatch: pytest.MonkeyPatch
) -> None:
    planner.runtime.provider = Costly()
    cluster = (await add_cluster(planner, tenant, "Cranes")).json()["data"]["id"]
    assert (await propose(planner, tenant, cluster, count=1)).status_code == 202
    await planner.hear(tenant, *await others.answers())
    (job,) = await planner.due()
    handler = next(found for found in planner.handlers if found.job.name == job["task_name"])

    async def crash(*_recorded: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(GenerateIdeas, "record", crash)
        with pytest.raises(RuntimeError):
            await handler.run(planner.attempt(job))
    await allow(planner, tenant, ideas=0)
    await handler.run(planner.attempt(job, 2))
    (failed,) = await planner.said(tenant, AIOperationFailed)
    assert (failed.error_code, failed.provider_cost_micro_usd) == ("PLAN_LIMIT_REACHED", 700)


async def test_a_run_without_room_ends_and_says_why_and_asks_no_model(
    planner: Parts, tenant: Tenant, others: Others
) -> None:
    await add_keywords(planner, tenant, *KEYWORDS)
    await allow(planner, tenant, clusters=0)
    run = await start(planner, tenant)
    await others.settle()
    ended = await shown(planner, tenant, run)
    assert ended["status"] == "failed"
    (failed,) = await planner.said(tenant, AIOperationFailed)
    assert (failed.error_code, failed.provider_cost_micro_usd) == ("PLAN_LIMIT_REACHED", 0)


async def test_a_run_that_billing_refuses_for_a_limit_ends_and_says_which(
    planner: Parts, tenant: Tenant, others: Others
) -> None:
    await add_keywords(planner, tenant, *KEYWORDS)
    others.refuse, others.reached = True, LimitReached(of="ai_requests", used=3, asked=1, limit=3)
    run = await start(planner, tenant)
    await others.settle()
    assert (await shown(planner, tenant, run))["status"] == "failed"
    log = (await planner.call(tenant, "GET", f"/automation/runs/{run}/log/")).json()["data"]["results"]
    assert any("PLAN_LIMIT_REACHED" in entry["message"] for entry in log)
    (failed,) = await planner.said(tenant, AIOperationFailed)
    assert (failed.item_id, failed.error_code) == (None, "PLAN_LIMIT_REACHED")


async def test_what_a_month_has_no_room_for_is_refused_at_once(planner: Parts, tenant: Tenant) -> None:
    await add_keywords(planner, tenant, *KEYWORDS)
    await allow(planner, tenant, ai_requests=0)
    assert refused(await group(planner, tenant), 0, 0, "ai_requests")
    assert not await planner.said(tenant, AIOperationRequested)
    await allow(planner, tenant, version=2, ai_requests=1, words=0, images=0)
    assert (await group(planner, tenant)).status_code == 202
