"""API keys: made, shown once, used, rotated with overlap, revoked."""

import asyncio
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from common.api.errors import ApiError
from common.auth.identity import Identity
from common.operate.projections import verify
from gateway.app import SERVICE

from tests.integration.gateway.running import Gateway, Tenant

KEYS = "/api/v1/auth/api-keys/"
ACCOUNT = "/api/v1/account/"


async def make(tenant: Tenant, **fields: Any) -> dict[str, Any]:
    async with tenant.client() as client:
        response = await client.post(KEYS, json={"name": "Importer", "scopes": ["read", "write"], **fields})
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()["data"]
    return made


def with_key(gateway: Gateway, key: str, header: str = "X-API-Key", scheme: str = "") -> httpx.AsyncClient:
    client = gateway.client()
    client.headers[header] = scheme + key
    return client


async def status_with(gateway: Gateway, key: str, **options: Any) -> int:
    async with with_key(gateway, key, **options) as client:
        return (await client.get(ACCOUNT)).status_code


def stored(gateway: Gateway) -> str:
    """Everything in the gateway's tables that could hold a key."""
    tables = ("events", "api_keys", "api_key_hashes", "idempotency_keys", "audit_entries")
    query = " UNION ALL ".join(f"SELECT row_to_json(t)::text FROM {table} t" for table in tables)
    with psycopg.connect(gateway.urls.owner) as connection:
        rows = connection.execute(query).fetchall()
        bodies = connection.execute("SELECT convert_from(body, 'UTF8') FROM idempotency_keys").fetchall()
    return "\n".join(str(row[0]) for row in (*rows, *bodies))


class TestAKey:
    async def test_is_shown_once_and_kept_as_a_hash(self, gateway: Gateway, tenant: Tenant) -> None:
        name = f"Importer {uuid4().hex}"
        made = await make(tenant, name=name)
        assert made["key"].startswith(made["prefix"])
        async with tenant.client() as client:
            shown = (await client.get(f"{KEYS}{made['id']}/")).json()["data"]
            listed = (await client.get(KEYS)).json()["data"]["results"]
        assert shown == {field: value for field, value in made.items() if field != "key"}
        assert listed == [shown]
        kept = stored(gateway)
        assert made["id"] in kept
        assert made["key"] not in kept
        assert name not in kept

    async def test_is_replayed_without_its_secret(self, gateway: Gateway, tenant: Tenant) -> None:
        body, again = {"name": "Importer", "scopes": ["read"]}, {"Idempotency-Key": uuid4().hex}
        async with tenant.client() as client:
            first = await client.post(KEYS, json=body, headers=again)
            second = await client.post(KEYS, json=body, headers=again)
        secret = first.json()["data"]["key"]
        assert first.headers["cache-control"] == "no-store"
        assert second.headers["idempotency-replayed"] == "true"
        assert second.json()["data"] == first.json()["data"] | {"key": None}
        assert secret not in stored(gateway)

    @pytest.mark.parametrize(
        ("header", "scheme"),
        [
            ("X-API-Key", ""),
            ("Authorization", "Api-Key "),
            ("Authorization", "Bearer "),
            ("Authorization", "api-key "),
        ],
    )
    async def test_opens_in_every_way_it_may_be_sent(
        self, gateway: Gateway, tenant: Tenant, header: str, scheme: str
    ) -> None:
        key = (await make(tenant))["key"]
        assert await status_with(gateway, key, header=header, scheme=scheme) == 200

    async def test_counts_before_a_token(self, gateway: Gateway, tenant: Tenant) -> None:
        other = await gateway.register()
        async with other.client() as client:
            client.headers["X-API-Key"] = (await make(tenant))["key"]
            assert (await client.get(ACCOUNT)).json()["data"]["id"] == str(tenant.account_id)
            client.headers["X-API-Key"] = "ig8_" + "x" * 43
            assert (await client.get(ACCOUNT)).status_code == 401

    @pytest.mark.parametrize(
        "key", ["", "ig8_", "ig8_short", "ig8_" + "x" * 43, "'; --", "ig8_" + "x" * 10_000]
    )
    async def test_that_nobody_made_opens_nothing(self, gateway: Gateway, key: str) -> None:
        assert await status_with(gateway, key) == 401

    async def test_that_has_run_out_opens_nothing(
        self, gateway: Gateway, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        soon = datetime.now(UTC) + timedelta(seconds=60)
        key = (await make(tenant, expires_at=soon.isoformat()))["key"]
        assert await status_with(gateway, key) == 200
        monkeypatch.setattr(gateway.runtime.clock, "_own", lambda: soon.timestamp())
        assert await status_with(gateway, key) == 401

    @pytest.mark.parametrize(
        ("fields", "status"),
        [
            ({"scopes": []}, 400),
            ({"scopes": ["everything"]}, 400),
            ({"name": " "}, 400),
            ({"expires_at": "2020-01-01T00:00:00Z"}, 400),
            ({"expires_at": "9999-12-31T23:59:59Z"}, 400),
            ({"expires_at": "9999-12-31T23:59:59-01:00"}, 400),
            ({"site_ids": []}, 400),
            ({"site_ids": [str(uuid4())]}, 404),
        ],
    )
    async def test_is_not_made_of_anything(self, tenant: Tenant, fields: dict[str, Any], status: int) -> None:
        async with tenant.client() as client:
            response = await client.post(KEYS, json={"name": "Importer", "scopes": ["read"], **fields})
        assert response.status_code == status, response.text

    async def test_of_racing_ones_as_many_are_made_as_there_may_be(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gateway.api_keys.decisions.MOST_API_KEYS", 3)
        body = {"name": "Importer", "scopes": ["read"]}
        async with tenant.client() as client:
            answers = await asyncio.gather(*(client.post(KEYS, json=body) for _ in range(8)))
            assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
            refused = {(a.status_code, a.json()["error_code"]) for a in answers if a.is_error}
            assert refused == {(409, "TOO_MANY_API_KEYS")}
            one = (await client.get(KEYS)).json()["data"]["results"][0]["id"]
            await client.delete(f"{KEYS}{one}/")
            assert (await client.post(KEYS, json=body)).status_code == 201


class TestChanges:
    async def test_leave_what_is_not_named(self, gateway: Gateway, tenant: Tenant) -> None:
        made = await make(tenant, expires_at="2099-01-01T00:00:00Z")
        async with tenant.client() as client:
            path = f"{KEYS}{made['id']}/"
            renamed = (await client.patch(path, json={"name": "Other"})).json()["data"]
            endless = (await client.patch(path, json={"expires_at": None, "scopes": ["ai"]})).json()["data"]
            same = (await client.patch(path, json={"name": "Other"})).json()["data"]
        assert (renamed["name"], renamed["expires_at"], renamed["version"]) == (
            "Other",
            made["expires_at"],
            2,
        )
        assert (endless["expires_at"], endless["scopes"], endless["version"]) == (None, ["ai"], 3)
        assert same == endless

    async def test_replace_all_of_it(self, tenant: Tenant) -> None:
        made = await make(tenant, expires_at="2099-01-01T00:00:00Z")
        async with tenant.client() as client:
            response = await client.put(f"{KEYS}{made['id']}/", json={"name": "N", "scopes": ["publish"]})
        replaced = response.json()["data"]
        assert (replaced["name"], replaced["scopes"], replaced["expires_at"]) == ("N", ["publish"], None)

    async def test_are_not_for_another_tenant(self, gateway: Gateway, tenant: Tenant) -> None:
        made = await make(tenant)
        other = await gateway.register()
        async with other.client() as client:
            path = f"{KEYS}{made['id']}/"
            answers = [
                await client.get(path),
                await client.patch(path, json={"name": "Mine"}),
                await client.put(path, json={"name": "Mine", "scopes": ["read"]}),
                await client.post(f"{path}rotate/", json={}),
                await client.delete(path),
            ]
            assert (await client.get(KEYS)).json()["data"]["count"] == 0
        assert [answer.status_code for answer in answers] == [404] * 5
        assert all(made["id"] in answer.text for answer in answers)
        assert await status_with(gateway, made["key"]) == 200

    async def test_are_not_for_an_api_key(self, gateway: Gateway, tenant: Tenant) -> None:
        made = await make(tenant, scopes=["read", "write", "ai", "publish", "webhook"])
        async with with_key(gateway, made["key"]) as client:
            for request in (
                client.get(KEYS),
                client.post(KEYS, json={"name": "More", "scopes": ["read"]}),
                client.post(f"{KEYS}{made['id']}/rotate/", json={}),
                client.get(f"{ACCOUNT}audit/"),
                client.post(f"{ACCOUNT}sites/", json={"name": "Site"}),
            ):
                assert (await request).status_code == 403
            assert (await client.get("/api/v1/auth/me/")).status_code == 403


class TestRotation:
    async def test_leaves_the_old_secret_good_for_the_overlap(
        self, gateway: Gateway, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = await make(tenant)
        async with tenant.client() as client:
            response = await client.post(f"{KEYS}{made['id']}/rotate/", json={"overlap_seconds": 600})
        rotated = response.json()["data"]
        assert rotated["key"].startswith(rotated["prefix"])
        assert rotated["key"] != made["key"]
        until = datetime.fromisoformat(rotated["old_until"])
        assert abs((until - datetime.now(UTC)).total_seconds() - 600) < 60
        keys = (made["key"], rotated["key"])
        assert [await status_with(gateway, key) for key in keys] == [200, 200]
        monkeypatch.setattr(gateway.runtime.clock, "_own", lambda: until.timestamp() + 1)
        callers = gateway.runtime.extras["gateway"].key_callers
        with pytest.raises(ApiError, match="expired"):
            await callers.identify(keys[0], "request")
        assert str((await callers.identify(keys[1], "request")).api_key_id) == made["id"]

    async def test_lasts_a_day_unless_told_otherwise(self, tenant: Tenant) -> None:
        made = await make(tenant)
        async with tenant.client() as client:
            rotated = (await client.post(f"{KEYS}{made['id']}/rotate/", json={})).json()["data"]
        until = datetime.fromisoformat(rotated["old_until"])
        assert abs((until - datetime.now(UTC)).total_seconds() - 86_400) < 60

    async def test_without_overlap_ends_the_old_secret_at_once(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        made = await make(tenant)
        assert await status_with(gateway, made["key"]) == 200
        async with tenant.client() as client:
            response = await client.post(f"{KEYS}{made['id']}/rotate/", json={"overlap_seconds": 0})
        assert await status_with(gateway, made["key"]) == 401
        assert await status_with(gateway, response.json()["data"]["key"]) == 200

    async def test_ends_every_secret_before_it(self, gateway: Gateway, tenant: Tenant) -> None:
        made = await make(tenant)
        async with tenant.client() as client:
            rotate = f"{KEYS}{made['id']}/rotate/"
            second = (await client.post(rotate, json={"overlap_seconds": 600})).json()["data"]["key"]
            third = (await client.post(rotate, json={"overlap_seconds": 0})).json()["data"]["key"]
        assert [await status_with(gateway, key) for key in (made["key"], second, third)] == [401, 401, 200]


class TestRevocation:
    async def test_is_for_good_and_at_once(self, gateway: Gateway, tenant: Tenant) -> None:
        made = await make(tenant)
        async with tenant.client() as client:
            path = f"{KEYS}{made['id']}/"
            rotated = (await client.post(f"{path}rotate/", json={})).json()["data"]
            keys = (made["key"], rotated["key"])
            assert [await status_with(gateway, key) for key in keys] == [200, 200]
            assert (await client.delete(path)).status_code == 204
            assert [await status_with(gateway, key) for key in keys] == [401, 401]
            for _ in range(2):
                assert (await client.delete(path)).status_code == 204
            assert (await client.post(f"{path}rotate/", json={})).status_code == 404
            assert (await client.get(path)).status_code == 404
            assert (await client.get(KEYS)).json()["data"]["count"] == 0
            assert (await client.get(KEYS, params={"deleted": True})).json()["data"]["count"] == 1

    async def test_is_seen_by_another_gateway_within_a_second(
        self, gateway: Gateway, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = await make(tenant)
        other = gateway.runtime.extras["gateway"].key_callers.__class__(gateway.runtime)
        await other.identify(made["key"], "request")
        async with tenant.client() as client:
            await client.delete(f"{KEYS}{made['id']}/")
        (known_until, _) = other._found[made["key"]]
        assert known_until - monotonic() < 1.0
        monkeypatch.setattr("gateway.edge.key_callers.monotonic", lambda: known_until)
        with pytest.raises(ApiError, match="revoked"):
            await other.identify(made["key"], "request")


class TestWhatAKeyMay:
    async def test_is_in_the_identity_that_services_trust(self, gateway: Gateway, tenant: Tenant) -> None:
        async with tenant.client() as client:
            site = (await client.post(f"{ACCOUNT}sites/", json={"name": "Shop"})).json()["data"]["id"]
            await client.post(f"{ACCOUNT}sites/", json={"name": "Blog"})
        made = await make(tenant, scopes=["write", "read"], site_ids=[site])
        parts = gateway.runtime.extras["gateway"]
        identity: Identity = await parts.key_callers.identify(made["key"], "request")
        assert (str(identity.api_key_id), identity.user_id) == (made["id"], None)
        assert (identity.scopes, [str(id) for id in identity.site_ids or ()]) == (("read", "write"), [site])
        async with with_key(gateway, made["key"]) as client:
            listed = (await client.get(f"{ACCOUNT}sites/")).json()["data"]["results"]
        assert [each["id"] for each in listed] == [site]

    @pytest.mark.parametrize(("scopes", "status"), [(["read", "ai"], 200), (["write", "ai"], 403)])
    async def test_is_bounded_by_its_scopes(
        self, gateway: Gateway, tenant: Tenant, scopes: list[str], status: int
    ) -> None:
        assert await status_with(gateway, (await make(tenant, scopes=scopes))["key"]) == status


async def test_the_tables_follow_from_the_facts_alone(gateway: Gateway, tenant: Tenant) -> None:
    made = await make(tenant, expires_at="2099-01-01T00:00:00Z")
    async with tenant.client() as client:
        path = f"{KEYS}{made['id']}/"
        await client.patch(path, json={"name": "Other", "expires_at": None})
        for _ in range(2):
            await client.post(f"{path}rotate/", json={})
        await client.delete(path)
    (projection,) = (each for each in SERVICE.model.projections if each.name == "api_keys")
    assert (await verify(gateway.urls.owner, SERVICE.model, projection)).equal


async def test_last_use_is_noted_beside_the_requests(gateway: Gateway, tenant: Tenant) -> None:
    made = await make(tenant)
    callers = gateway.runtime.extras["gateway"].key_callers
    async with tenant.client() as client:
        path = f"{KEYS}{made['id']}/"
        await status_with(gateway, made["key"])
        assert (await client.get(path)).json()["data"]["last_used_at"] is None
        await callers.write_uses()
        used = datetime.fromisoformat((await client.get(path)).json()["data"]["last_used_at"])
        assert abs((used - datetime.now(UTC)).total_seconds()) < 60
        callers._uses[(tenant.account_id, UUID(made["id"]))] = used - timedelta(hours=1)
        await callers.write_uses()
        assert datetime.fromisoformat((await client.get(path)).json()["data"]["last_used_at"]) == used
