"""What every service refuses in the same words, on one of them: the codes that no rule of the planner's own has."""

import asyncio

import httpx
import psycopg
from common.ids import new_id

from tests.integration.planner.conftest import place
from tests.integration.writer.service_parts import Parts, Tenant
from tests.parts.ports import eventually

KEYWORDS = "/planner/keywords/"


def keyword(tenant: Tenant, text: str = "crane financing") -> dict[str, str]:
    return {**place(tenant), "keyword": text}


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error_code"]


async def test_a_method_that_the_path_has_not(planner: Parts, tenant: Tenant) -> None:
    """One that a role may use on such paths, so that it is the path which has not got it."""
    answer = await planner.call(tenant, "PUT", f"/planner/clusters/{new_id()}/", {})
    assert told(answer) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["Allow"] == "DELETE, GET, PATCH"


async def test_a_body_that_is_no_json(planner: Parts, tenant: Tenant) -> None:
    answer = await planner.call(tenant, "POST", KEYWORDS, keyword(tenant), content_type="text/csv")
    assert told(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_key_that_came_with_another_request(planner: Parts, tenant: Tenant) -> None:
    assert (await planner.call(tenant, "POST", KEYWORDS, keyword(tenant), key="k")).status_code == 201
    other = await planner.call(tenant, "POST", KEYWORDS, keyword(tenant, "truck leasing"), key="k")
    assert told(other) == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_a_key_whose_first_request_is_running(planner: Parts, tenant: Tenant) -> None:
    async def ask() -> httpx.Response:
        return await planner.call(tenant, "POST", KEYWORDS, keyword(tenant), key="k")

    async with await psycopg.AsyncConnection.connect(planner.urls.owner) as holding:
        # Whoever records something for the account waits for this lock.
        await holding.execute("LOCK TABLE events IN EXCLUSIVE MODE")
        first = asyncio.create_task(ask())

        async def waits() -> bool:
            found = await holding.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return await found.fetchone() != (0,)

        await eventually(waits, what="the first one runs")
        assert told(await ask()) == (409, "REQUEST_IN_PROGRESS")
    assert (await first).status_code == 201


async def test_a_change_of_the_account_that_has_not_been_heard_of(planner: Parts, tenant: Tenant) -> None:
    tenant.version += 1
    answer = await planner.call(tenant, "GET", KEYWORDS)
    assert told(answer) == (503, "REPLICA_BEHIND")
    assert answer.headers["Retry-After"] == "1"


async def test_prices_that_have_not_been_heard_of(planner: Parts) -> None:
    tenant = Tenant()
    await planner.register(tenant)
    made = await planner.call(tenant, "POST", KEYWORDS, keyword(tenant))
    assert made.status_code == 201
    asked = {"keyword_ids": [made.json()["data"]["id"]], "sector_id": str(tenant.sector)}
    answer = await planner.call(tenant, "POST", f"{KEYWORDS}auto_cluster/", asked)
    assert told(answer) == (503, "PRICES_UNKNOWN")
    assert answer.headers["Retry-After"] == "1"
