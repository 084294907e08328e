"""All accounts, for staff: found, read, suspended and let go on."""

from typing import Any

import httpx
from common.ids import SYSTEM_ACCOUNT, new_id

from tests.integration.gateway.running import Gateway, Tenant
from tests.integration.gateway.test_gateway_acting import events_of
from tests.parts.ports import eventually

ALL, SITES = "/api/v1/admin/accounts/", "/api/v1/account/sites/"


async def ask(
    staff: Tenant, method: str, path: str = ALL, *, version: int | None = None, **given: Any
) -> httpx.Response:
    headers = {"X-Act-As-Account": str(staff.account_id)}
    if version is not None:
        headers["If-Match"] = f'"{version}"'
    async with staff.client() as client:
        return await client.request(method, path, headers=headers, **given)


async def status(tenant: Tenant, method: str, path: str, **body: Any) -> int:
    async with tenant.client() as client:
        return (await client.request(method, path, json=body or None)).status_code


async def becomes(wanted: int, tenant: Tenant, method: str, path: str, **body: Any) -> None:
    """Within a second, for that long a gateway may remember a membership."""

    async def asked() -> bool:
        return await status(tenant, method, path, **body) == wanted

    await eventually(asked, what=f"{method} {path} is {wanted}")


async def test_are_found_and_read(gateway: Gateway, staff: Tenant, tenant: Tenant) -> None:
    async with tenant.client() as client:
        own = (await client.get("/api/v1/account/")).json()["data"]
    one = (await ask(staff, "GET", f"{ALL}{tenant.account_id}/")).json()["data"]
    assert one == own
    found = (await ask(staff, "GET", params={"search": own["slug"].upper(), "status": "trial"})).json()[
        "data"
    ]
    assert [each for each in found["results"] if each["id"] == own["id"]] == [own]
    none = (await ask(staff, "GET", params={"search": own["slug"], "status": "suspended"})).json()["data"]
    assert none["count"] == 0
    pages = [
        (await ask(staff, "GET", params={"page_size": 1, "page": page})).json()["data"]["results"][0]["id"]
        for page in (1, 2)
    ]
    assert len(set(pages)) == 2
    assert (await ask(staff, "GET", f"{ALL}{new_id()}/")).status_code == 404


async def test_one_that_is_suspended_only_reads_until_it_may_go_on(
    gateway: Gateway, staff: Tenant, tenant: Tenant
) -> None:
    path = f"{ALL}{tenant.account_id}/"
    version = (await ask(staff, "GET", path)).json()["data"]["version"]
    late = await ask(staff, "PATCH", path, json={"status": "suspended"}, version=version - 1)
    assert late.status_code == 412
    for _ in range(2):
        suspended = await ask(staff, "PATCH", path, json={"status": "suspended"})
        assert suspended.json()["data"]["status"] == "suspended"
    (meta,) = events_of(gateway, tenant.account_id, "AccountStatusChanged")
    assert (meta["actor"], meta["on_behalf_of"]) == (f"user:{staff.user_id}", str(tenant.account_id))
    await becomes(403, tenant, "POST", SITES, name="Shop")
    assert await status(tenant, "GET", SITES) == 200
    assert await status(staff, "POST", SITES, name="Shop") == 201
    # Staff who act on it are stopped as its members are, but not from letting it go on.
    async with staff.client() as client:
        client.headers["X-Act-As-Account"] = str(tenant.account_id)
        assert (await client.post(SITES, json={"name": "Shop"})).status_code == 403
        assert (await client.patch(path, json={"status": "active"})).status_code == 200
    assert await status(tenant, "POST", SITES, name="Shop three") == 201
    cancelled = await ask(staff, "PATCH", path, json={"status": "cancelled"})
    assert cancelled.status_code == 200
    await becomes(402, tenant, "POST", SITES, name="Another")


async def test_are_none_of_anybody_elses_business(gateway: Gateway, staff: Tenant, tenant: Tenant) -> None:
    path = f"{ALL}{tenant.account_id}/"
    for member in (tenant, await tenant.invite("admin")):
        assert await status(member, "GET", ALL) == 403
        assert await status(member, "PATCH", path, status="active") == 403


async def test_the_system_account_is_none_of_them(staff: Tenant) -> None:
    refused = await ask(staff, "PATCH", f"{ALL}{SYSTEM_ACCOUNT}/", json={"status": "suspended"})
    assert refused.status_code == 404
    wrong = await ask(staff, "PATCH", f"{ALL}{staff.account_id}/", json={"status": "asleep"})
    assert (wrong.status_code, list(wrong.json()["errors"])) == (400, ["status"])
