"""Modules of an account: who switches them, and what becomes of the routes of one that is off."""

from typing import Any

import httpx
import psycopg
import pytest
from common.eventsourcing.rebuild import rebuild
from common.model import Projection
from common.operate.projections import verify
from gateway.app import SERVICE
from gateway.staff.__main__ import run

from tests.integration.gateway.running import Gateway, Tenant

PATH = "/api/v1/account/modules/"
STARTS_OFF = {"linker", "optimizer"}
STARTS_ON = {"planner", "writer", "automation", "publisher", "integration"}
KEYWORDS = "/api/v1/planner/keywords/"
LET_THROUGH = (502, 503)
"""No service stands behind this gateway: who is let through hears that."""


def on(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 200, answer.text
    return {name for name, enabled in answer.json()["data"].items() if enabled is True}


async def switch(client: httpx.AsyncClient, **modules: bool) -> httpx.Response:
    return await client.patch(PATH, json=modules)


async def asked(client: httpx.AsyncClient, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    answer = await client.request(method, path, headers={n.replace("_", "-"): v for n, v in headers.items()})
    return answer.status_code, answer.json()["error_code"]


OFF = (403, "MODULE_DISABLED")


async def test_linker_and_optimizer_start_off(tenant: Tenant) -> None:
    async with tenant.client() as client:
        assert on(await client.get(PATH)) == STARTS_ON
        for module in sorted(STARTS_OFF):
            assert await asked(client, f"/api/v1/{module}/suggestions/") == OFF
        assert on(await switch(client, linker=True)) == STARTS_ON | {"linker"}
        assert await asked(client, "/api/v1/linker/suggestions/") == (404, "NOT_FOUND")
        assert await asked(client, "/api/v1/optimizer/suggestions/") == OFF


async def test_one_that_is_off_answers_nothing_until_it_is_on_again(tenant: Tenant) -> None:
    async with tenant.client() as client:
        assert (await client.get(KEYWORDS)).status_code in LET_THROUGH
        assert on(await switch(client, planner=False)) == STARTS_ON - {"planner"}
        for method in ("GET", "POST", "DELETE"):
            assert await asked(client, KEYWORDS, method) == OFF
        refused = await client.get("/api/v1/planner/keywords")
        assert refused.json()["details"] == {"module": "planner"}
        assert (await client.get("/api/v1/planner/tasks/")).status_code in LET_THROUGH, "the writer's"
        await switch(client, planner=True)
        assert (await client.get(KEYWORDS)).status_code in LET_THROUGH


async def test_is_off_for_members_keys_and_staff_of_this_account_alone(
    gateway: Gateway, tenant: Tenant
) -> None:
    editor, other, staff = await tenant.invite("editor"), await gateway.register(), await gateway.register()
    await run(["add", staff.email], gateway.runtime.settings)
    async with tenant.client() as client:
        body = {"name": "K", "scopes": ["read"]}
        made = (await client.post("/api/v1/auth/api-keys/", json=body)).json()["data"]
        assert (await client.get(KEYWORDS, headers={"X-API-Key": made["key"]})).status_code in LET_THROUGH
        await switch(client, planner=False)
        assert await asked(client, KEYWORDS, X_API_Key=made["key"]) == OFF
    async with editor.client() as client:
        assert await asked(client, KEYWORDS) == OFF
    async with staff.client() as client:
        assert await asked(client, KEYWORDS, X_Act_As_Account=str(tenant.account_id)) == OFF
        assert (await client.get(KEYWORDS)).status_code in LET_THROUGH
    async with other.client() as client:
        assert (await client.get(KEYWORDS)).status_code in LET_THROUGH


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("editor", 403), ("viewer", 403)])
async def test_are_switched_by_owner_and_admin_and_seen_by_all(
    tenant: Tenant, role: str, status: int
) -> None:
    member = await tenant.invite(role)
    async with member.client() as client:
        assert (await switch(client, optimizer=True)).status_code == status
        assert ("optimizer" in on(await client.get(PATH))) == (status == 200)


async def test_a_switch_is_a_fact_of_the_account_at_its_version(tenant: Tenant) -> None:
    # Other tests write into tables behind the facts' back.
    await rebuild(tenant.gateway.urls.owner, SERVICE.model, accounts())
    async with tenant.client() as client:
        before = await client.get(PATH)
        changed = await client.patch(
            PATH, json={"writer": False, "linker": True}, headers={"If-Match": before.headers["ETag"]}
        )
        assert on(changed) == STARTS_ON - {"writer"} | {"linker"}
        version = changed.json()["data"]["version"]
        assert version == before.json()["data"]["version"] + 2
        assert changed.headers["X-Accounts-Version"] == str(version)
        late = await client.patch(PATH, json={"writer": True}, headers={"If-Match": before.headers["ETag"]})
        assert (late.status_code, late.json()["error_code"]) == (412, "PRECONDITION_FAILED")
        again = await switch(client, writer=False)
        assert again.json()["data"]["version"] == version
    assert await rebuilt(tenant)
    assert facts(tenant) == [
        {"module": "writer", "enabled": False},
        {"module": "linker", "enabled": True},
    ]


def accounts() -> Projection:
    (projection,) = (each for each in SERVICE.model.projections if each.name == "accounts")
    return projection


async def rebuilt(tenant: Tenant) -> bool:
    return (await verify(tenant.gateway.urls.owner, SERVICE.model, accounts())).equal


def facts(tenant: Tenant) -> list[Any]:
    with psycopg.connect(tenant.gateway.urls.owner) as connection:
        rows = connection.execute(
            "SELECT data FROM events WHERE account_id = %s AND type = 'ModuleToggled' ORDER BY position",
            (tenant.account_id,),
        ).fetchall()
    return [row[0] for row in rows]


@pytest.mark.parametrize("body", [{"billing": False}, {"account": False}, {"planner": "perhaps"}, []])
async def test_what_is_no_module_cannot_be_switched(tenant: Tenant, body: Any) -> None:
    async with tenant.client() as client:
        answer = await client.patch(PATH, json=body)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "VALIDATION_ERROR")
        assert on(await client.get(PATH)) == STARTS_ON
