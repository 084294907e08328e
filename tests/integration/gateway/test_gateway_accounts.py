"""Sites and sectors through the edge, on a real PostgreSQL."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from common.contracts.gateway import SecretRef
from common.eventsourcing.event import Meta
from common.secrets import SecretMissing

from tests.integration.gateway.running import Gateway, Tenant
from tests.support.events import stored

SITES = "/api/v1/account/sites/"


async def _site(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await client.post(SITES, json={"name": f"Site {uuid4().hex[:6]}", **fields})
    assert response.status_code == 201, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


class TestSites:
    async def test_live_through_add_change_archive_and_restore(self, tenant: Tenant) -> None:
        async with tenant.client() as client:
            site = await _site(client, name="Müller & Söhne", domain="example.com")
            assert site["slug"] == "muller-sohne"
            path = f"{SITES}{site['id']}/"
            changed = await client.patch(path, json={"name": "Müller"})
            assert (changed.json()["data"]["name"], changed.json()["data"]["domain"]) == (
                "Müller",
                "example.com",
            )
            assert int(changed.headers["x-accounts-version"]) == 4
            assert (await client.delete(path)).status_code == 204
            assert (await client.get(path)).status_code == 404
            assert (await client.get(SITES)).json()["data"]["count"] == 0
            assert (await client.get(SITES, params={"deleted": True})).json()["data"]["count"] == 1
            assert (await client.post(f"{path}restore/")).json()["data"]["status"] == "active"
            assert (await client.get(path)).status_code == 200

    async def test_slug_is_free_again_after_archiving(self, tenant: Tenant) -> None:
        async with tenant.client() as client:
            site = await _site(client, slug="one")
            assert (await client.post(SITES, json={"name": "x", "slug": "one"})).status_code == 409
            await client.delete(f"{SITES}{site['id']}/")
            await _site(client, slug="one")

    async def test_of_racing_sites_with_one_slug_one_wins(self, tenant: Tenant) -> None:
        async with tenant.client() as client:
            answers = await asyncio.gather(
                *(client.post(SITES, json={"name": "Race", "slug": "race"}) for _ in range(10))
            )
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9

    async def test_repeated_post_under_one_idempotency_key_makes_one(self, tenant: Tenant) -> None:
        async with tenant.client() as client:
            key = {"Idempotency-Key": uuid4().hex}
            first = await client.post(SITES, json={"name": "Once"}, headers=key)
            again = await client.post(SITES, json={"name": "Once"}, headers=key)
            assert first.json()["data"]["id"] == again.json()["data"]["id"]
            assert (await client.get(SITES)).json()["data"]["count"] == 1

    async def test_of_another_tenant_do_not_exist(self, gateway: Gateway, tenant: Tenant) -> None:
        other = await gateway.register()
        async with tenant.client() as mine, other.client() as theirs:
            site = await _site(mine)
            path = f"{SITES}{site['id']}/"
            assert (await theirs.get(path)).status_code == 404
            assert (await theirs.patch(path, json={"name": "x"})).status_code == 404
            assert (await theirs.delete(path)).status_code == 404
            assert (await theirs.post(f"{path}sectors/", json={"name": "x"})).status_code == 404
            assert (await theirs.get(SITES)).json()["data"]["count"] == 0

    async def test_put_the_wordpress_password_away(self, gateway: Gateway, tenant: Tenant) -> None:
        password = f"pw-{uuid4().hex}"
        async with tenant.client() as client:
            site = await _site(
                client, wp_url="https://blog.example.com", wp_username="ada", wp_app_password=password
            )
            shown = (await client.get(f"{SITES}{site['id']}/")).text
        assert "blog.example.com" in shown
        assert password not in shown
        with psycopg.connect(gateway.urls.owner) as connection:
            row = connection.execute(
                "SELECT data->'secret' FROM events WHERE account_id = %s AND type = 'SiteWordPressConfigured'",
                (tenant.account_id,),
            ).fetchone()
            text = connection.execute("SELECT string_agg(data::text, '') FROM events").fetchone()
        assert row is not None
        assert text is not None
        assert password not in text[0]
        ref = SecretRef(secret_id=UUID(row[0]["secret_id"]), version=row[0]["version"])
        assert await gateway.runtime.secrets.get(tenant.account_id, ref) == password
        other = await gateway.register()
        with pytest.raises(SecretMissing):
            await gateway.runtime.secrets.get(other.account_id, ref)

    @pytest.mark.parametrize("field", ["name", "wp_username", "wp_app_password"])
    async def test_have_no_text_that_cannot_be_written(self, tenant: Tenant, field: str) -> None:
        body = {"name": "Blog", "wp_url": "https://w.example.com", "wp_username": "u", "wp_app_password": "p"}
        broken = json.dumps(body | {field: "\ud800"})
        async with tenant.client() as client:
            answer = await client.post(SITES, content=broken, headers={"Content-Type": "application/json"})
            assert (answer.status_code, answer.json()["error_code"]) == (400, "VALIDATION_ERROR"), answer.text
            assert (await client.get(SITES)).json()["data"]["count"] == 0

    async def test_need_all_of_the_wordpress_fields(self, tenant: Tenant) -> None:
        async with tenant.client() as client:
            body = {"name": "x", "wp_url": "https://blog.example.com", "wp_username": "ada"}
            response = await client.post(SITES, json=body)
        assert response.status_code == 400
        assert "wp_app_password" in response.json()["errors"]

    async def test_have_a_default_sector_until_it_is_archived(self, tenant: Tenant) -> None:
        async with tenant.client() as client:
            site, other = await _site(client), await _site(client)
            path = f"{SITES}{site['id']}/"
            sector = (await client.post(f"{path}sectors/", json={"name": "A"})).json()["data"]["id"]
            foreign = (await client.post(f"{SITES}{other['id']}/sectors/", json={"name": "A"})).json()["data"]
            assert site["default_sector"] is None
            assert (await client.patch(path, json={"default_sector": foreign["id"]})).status_code == 404
            changed = (await client.patch(path, json={"default_sector": sector})).json()["data"]
            assert changed["default_sector"] == sector
            assert (await client.patch(path, json={"name": "B"})).json()["data"]["default_sector"] == sector
            assert (await client.delete(f"{path}sectors/{sector}/")).status_code == 204
            without = (await client.get(path)).json()["data"]
            assert (without["default_sector"], without["version"] > changed["version"]) == (None, True)
            refused = await client.post(SITES, json={"name": "C", "default_sector": sector})
        assert (refused.status_code, list(refused.json()["errors"])) == (400, ["default_sector"])


class TestSectors:
    async def test_at_most_five_are_active_when_twenty_requests_race(self, tenant: Tenant) -> None:
        async with tenant.client() as client:
            path = f"{SITES}{(await _site(client))['id']}/sectors/"
            answers = await asyncio.gather(
                *(client.post(path, json={"name": f"Sector {n}"}) for n in range(20))
            )
            assert sorted(answer.status_code for answer in answers) == [201] * 5 + [409] * 15
            refused = {(a.status_code, a.json()["error_code"]) for a in answers if a.is_error}
            assert refused == {(409, "TOO_MANY_ACTIVE_SECTORS")}
            assert (await client.get(path)).json()["data"]["count"] == 5
            inactive = await client.post(path, json={"name": "Spare", "is_active": False})
            assert inactive.status_code == 201

    async def test_of_racers_for_one_slug_one_wins(self, tenant: Tenant) -> None:
        async with tenant.client() as client:
            path = f"{SITES}{(await _site(client))['id']}/sectors/"
            answers = await asyncio.gather(
                *(client.post(path, json={"name": "Race", "slug": "race"}) for _ in range(4))
            )
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 3

    async def test_belong_to_their_site(self, tenant: Tenant) -> None:
        async with tenant.client() as client:
            first, second = await _site(client), await _site(client)
            sector = (await client.post(f"{SITES}{first['id']}/sectors/", json={"name": "A"})).json()["data"]
            assert (await client.get(f"{SITES}{second['id']}/sectors/{sector['id']}/")).status_code == 404
            assert (await client.get(f"{SITES}{first['id']}/sectors/{sector['id']}/")).status_code == 200

    async def test_live_through_change_archive_and_restore(self, tenant: Tenant) -> None:
        async with tenant.client() as client:
            path = f"{SITES}{(await _site(client))['id']}/sectors/"
            sector = (await client.post(path, json={"name": "Loans"})).json()["data"]
            own = f"{path}{sector['id']}/"
            assert (await client.put(own, json={"name": "Leases", "slug": "leases"})).json()["data"][
                "slug"
            ] == "leases"
            assert (await client.delete(own)).status_code == 204
            assert (await client.get(own)).status_code == 404
            assert (await client.post(f"{own}restore/")).json()["data"]["status"] == "active"


class TestViews:
    async def test_applied_twice_stay_the_same(self, gateway: Gateway, tenant: Tenant) -> None:
        async with tenant.client() as client:
            site = await _site(client)
            await client.post(f"{SITES}{site['id']}/sectors/", json={"name": "A"})
            await client.patch(f"{SITES}{site['id']}/", json={"domain": "example.org"})
            await client.delete(f"{SITES}{site['id']}/")
        digest = (
            "SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM (SELECT s::text AS t FROM sites s"
            " UNION ALL SELECT c::text FROM sectors c UNION ALL SELECT a::text FROM accounts a"
            " UNION ALL SELECT m::text FROM members m UNION ALL SELECT u::text FROM users u) x"
        )
        model = gateway.runtime.database.model
        async with gateway.runtime.database.transaction(tenant.account_id, Meta()) as tx:
            before = await tx.scalar(digest)
            facts = await stored(tx, model.types)
            for fact in facts:
                await model.project(tx, [fact])
            assert await tx.scalar(digest) == before
        assert len(facts) >= 6
