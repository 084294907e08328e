"""Acting on behalf: staff name an account, everybody else is refused, and everything says who it was."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from common.settings import Settings
from gateway.staff.__main__ import run

from tests.integration.gateway.running import Gateway, Tenant

ACCOUNT = "/api/v1/account/"


async def operator(gateway: Gateway, *arguments: str) -> str:
    """What `./igny8 staff` runs, on this gateway's databases."""
    settings = gateway.runtime.settings
    own = Settings(
        service_database=settings.service_database,
        secrets_database=settings.secrets_database,
        master_key=settings.master_key,
    )
    return await run(list(arguments), own)


async def test_the_operator_makes_staff(gateway: Gateway) -> None:
    made = await gateway.register()
    assert "is staff now" in await operator(gateway, "add", made.email.upper())


def events_of(gateway: Gateway, account_id: UUID, type: str) -> list[dict[str, Any]]:
    with psycopg.connect(gateway.urls.owner) as connection:
        rows = connection.execute(
            "SELECT meta FROM events WHERE account_id = %s AND type = %s", (account_id, type)
        ).fetchall()
    return [row[0] for row in rows]


async def test_staff_act_and_every_event_and_entry_says_so(
    gateway: Gateway, tenant: Tenant, staff: Tenant
) -> None:
    async with staff.client() as client:
        client.headers["X-Act-As-Account"] = str(tenant.account_id)
        assert (await client.get(ACCOUNT)).json()["data"]["id"] == str(tenant.account_id)
        made = await client.post(f"{ACCOUNT}sites/", json={"name": "Shop"})
        assert made.status_code == 201, made.text
    (meta,) = events_of(gateway, tenant.account_id, "SiteAdded")
    assert (meta["actor"], meta["on_behalf_of"]) == (f"user:{staff.user_id}", str(tenant.account_id))
    async with tenant.client() as client:
        found = (await client.get(f"{ACCOUNT}audit/", params={"actor": str(staff.user_id)})).json()["data"]
    (entry,) = found["results"]
    assert (entry["action"], entry["on_behalf_of"]) == ("POST account/sites/", str(tenant.account_id))
    async with staff.client() as client:
        assert (await client.get(f"{ACCOUNT}sites/")).json()["data"]["count"] == 0


async def test_the_identity_names_both(gateway: Gateway, tenant: Tenant, staff: Tenant) -> None:
    edge: Any = gateway.app
    own = await edge._callers.identify(f"Bearer {staff.registered['access']}", "request")
    identity = await edge._acting.on_behalf(own, str(tenant.account_id))
    assert (identity.account_id, identity.act_as) == (tenant.account_id, staff.account_id)
    assert (identity.user_id, identity.role, identity.site_ids) == (staff.user_id, "developer", None)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_everybody_else_is_refused(gateway: Gateway, tenant: Tenant, method: str) -> None:
    other = await gateway.register()
    async with other.client() as client:
        made = await client.post("/api/v1/auth/api-keys/", json={"name": "K", "scopes": ["read", "write"]})
        for header in ({}, {"X-API-Key": made.json()["data"]["key"]}):
            for named in (tenant.account_id, other.account_id, uuid4(), "nonsense"):
                headers = {**header, "X-Act-As-Account": str(named)}
                answer = await client.request(method, f"{ACCOUNT}sites/", headers=headers)
                assert answer.status_code == 403, (headers, answer.text)


@pytest.mark.parametrize(
    ("named", "status"), [("0198c5a0-7b1e-7c11-9d3f-2f0f6a1c4e55", 404), ("nonsense", 400), ("", 400)]
)
async def test_staff_name_an_account_that_is_there(
    gateway: Gateway, staff: Tenant, named: str, status: int
) -> None:
    async with staff.client() as client:
        answer = await client.get(ACCOUNT, headers={"X-Act-As-Account": named})
    assert answer.status_code == status


async def test_who_is_staff_no_more_is_refused(
    gateway: Gateway, tenant: Tenant, staff: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.edge.acting.CACHE_SECONDS", 0.0)
    async with staff.client() as client:
        headers = {"X-Act-As-Account": str(tenant.account_id)}
        assert (await client.get(ACCOUNT, headers=headers)).status_code == 200
        assert str(staff.user_id) in await operator(gateway, "list")
        assert "no staff any more" in await operator(gateway, "remove", staff.email)
        assert str(staff.user_id) not in await operator(gateway, "list")
        assert (await client.get(ACCOUNT, headers=headers)).status_code == 403


@pytest.mark.parametrize("arguments", [(), ("add",), ("add", "nobody@example.com"), ("add", "nonsense")])
async def test_the_operator_hears_what_is_wrong(gateway: Gateway, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match=r"usage|Nobody|address"):
        await operator(gateway, *arguments)


async def test_the_command_twice_changes_nothing(gateway: Gateway, staff: Tenant) -> None:
    assert "already" in await operator(gateway, "add", staff.email)
