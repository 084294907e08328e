"""Registration, sign-in and sessions on a real PostgreSQL."""

import asyncio
from collections import Counter
from uuid import uuid4

import httpx
import psycopg
import pytest
from gateway.parts import SIGNING_IN_AT_ONCE

from tests.integration.gateway.running import PASSWORD, Gateway, Tenant

ME, SITES = "/api/v1/auth/me/", "/api/v1/account/sites/"


async def _login(gateway: Gateway, email: str, password: str, address: str) -> httpx.Response:
    async with gateway.client(address=address) as client:
        return await client.post("/api/v1/auth/login/", json={"email": email, "password": password})


async def _refresh(gateway: Gateway, token: str) -> httpx.Response:
    async with gateway.client() as client:
        return await client.post("/api/v1/auth/refresh/", json={"refresh": token})


class TestRegistration:
    async def test_opens_a_trial_and_signs_in(self, tenant: Tenant) -> None:
        async with tenant.client() as client:
            account = (await client.get("/api/v1/account/")).json()["data"]
            me = (await client.get("/api/v1/auth/me/")).json()["data"]
        assert account["status"] == "trial"
        assert account["name"] == "Acme"
        assert account["version"] == 2
        assert (me["email"], me["role"], me["id"]) == (tenant.email, "owner", str(tenant.user_id))

    async def test_refuses_an_email_twice_whatever_its_case(self, gateway: Gateway, tenant: Tenant) -> None:
        body = {"email": tenant.email.upper(), "password": PASSWORD, "account_name": "Other"}
        async with gateway.client() as client:
            response = await client.post("/api/v1/auth/register/", json=body)
        assert (response.status_code, response.json()["error_code"]) == (409, "EMAIL_TAKEN")

    async def test_of_racing_registrations_of_one_email_one_wins(self, gateway: Gateway) -> None:
        body = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD, "account_name": "Race"}
        async with gateway.client() as client:
            answers = await asyncio.gather(
                *(client.post("/api/v1/auth/register/", json=body) for _ in range(8))
            )
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7

    async def test_of_racing_registrations_of_one_slug_one_wins(self, gateway: Gateway) -> None:
        slug = f"s-{uuid4().hex[:12]}"
        async with gateway.client() as client:
            answers = await asyncio.gather(
                *(
                    client.post(
                        "/api/v1/auth/register/",
                        json={
                            "email": f"{uuid4().hex}@example.com",
                            "password": PASSWORD,
                            "account_name": "Race",
                            "account_slug": slug,
                        },
                    )
                    for _ in range(6)
                )
            )
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
        assert {answer.json().get("error_code") for answer in answers} == {None, "SLUG_TAKEN"}

    async def test_names_that_are_taken_still_give_a_slug(self, gateway: Gateway) -> None:
        name = f"Twin {uuid4().hex[:8]}"
        first = await gateway.register(account_name=name)
        second = await gateway.register(account_name=name)
        assert second.registered["account_slug"].startswith(first.registered["account_slug"] + "-")

    async def test_keeps_personal_data_out_of_events_and_tables(self, gateway: Gateway) -> None:
        secret = f"Zyx{uuid4().hex}"
        tenant = await gateway.register(first_name=secret, last_name=secret, account_name=secret[:100])
        with psycopg.connect(gateway.urls.owner) as connection:
            stored = connection.execute(
                "SELECT data::text FROM events UNION ALL SELECT row_to_json(u)::text FROM users u"
                " UNION ALL SELECT row_to_json(a)::text FROM accounts a"
            ).fetchall()
        text = "\n".join(row[0] for row in stored)
        assert str(tenant.account_id) in text
        for personal in (secret, tenant.email, PASSWORD, "$argon2"):
            assert personal not in text, personal

    async def test_names_the_broken_password_rule(self, gateway: Gateway) -> None:
        body = {"email": f"{uuid4().hex}@example.com", "password": "Password123", "account_name": "A"}
        async with gateway.client() as client:
            response = await client.post("/api/v1/auth/register/", json=body)
        assert response.status_code == 400
        assert "common" in response.json()["errors"]["password"][0]


class TestSignIn:
    async def test_gives_tokens_that_work(self, gateway: Gateway, tenant: Tenant) -> None:
        response = await _login(gateway, f" {tenant.email.upper()} ", PASSWORD, "192.0.2.10")
        assert response.status_code == 200
        async with gateway.client(response.json()["data"]["access"]) as client:
            assert (await client.get("/api/v1/auth/me/")).json()["data"]["last_login"]

    async def test_answers_the_same_to_a_wrong_password_and_an_unknown_email(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        wrong = await _login(gateway, tenant.email, "Wrong-Horse-7", "192.0.2.11")
        unknown = await _login(gateway, "nobody@example.com", "Wrong-Horse-7", "192.0.2.11")
        assert wrong.status_code == unknown.status_code == 401
        assert wrong.json()["error"] == unknown.json()["error"]
        assert wrong.json()["error_code"] == unknown.json()["error_code"] == "INVALID_CREDENTIALS"

    async def test_is_throttled_to_ten_a_minute_from_one_address(self, gateway: Gateway) -> None:
        answers = [
            await _login(gateway, f"{n}@example.com", "Wrong-Horse-7", "192.0.2.12") for n in range(11)
        ]
        assert [answer.status_code for answer in answers] == [401] * 10 + [429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert answers[-1].json()["error_code"] == "RATE_LIMITED"
        assert (await _login(gateway, "0@example.com", "Wrong-Horse-7", "192.0.2.13")).status_code == 401

    async def test_locks_an_email_that_is_guessed_from_many_addresses(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        for n in range(10):
            await _login(gateway, tenant.email, "Wrong-Horse-7", f"198.51.100.{n}")
        assert (await _login(gateway, tenant.email, PASSWORD, "198.51.100.99")).status_code == 429

    async def test_locks_it_also_where_all_guesses_come_at_once(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        guesses = (_login(gateway, tenant.email, "Wrong-Horse-7", f"198.51.101.{n}") for n in range(40))
        statuses = Counter(answer.status_code for answer in await asyncio.gather(*guesses))
        assert set(statuses) == {401, 429}
        assert statuses[401] < 10 + SIGNING_IN_AT_ONCE


class TestSessions:
    async def test_are_so_many_at_most_and_the_oldest_ends(
        self, gateway: Gateway, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gateway.users.events.MOST_SESSIONS", 3)
        begun = [
            (await _login(gateway, tenant.email, PASSWORD, "192.0.2.14")).json()["data"] for _ in range(3)
        ]
        assert (await _refresh(gateway, tenant.registered["refresh"])).status_code == 401
        assert [(await _refresh(gateway, each["refresh"])).status_code for each in begun] == [200] * 3

    async def test_rotate_their_refresh_token(self, gateway: Gateway, tenant: Tenant) -> None:
        first = await _refresh(gateway, tenant.registered["refresh"])
        second = await _refresh(gateway, first.json()["data"]["refresh"])
        assert (first.status_code, second.status_code) == (200, 200)

    async def test_end_altogether_when_a_token_is_used_twice(self, gateway: Gateway, tenant: Tenant) -> None:
        newest = (await _refresh(gateway, tenant.registered["refresh"])).json()["data"]["refresh"]
        assert (await _refresh(gateway, tenant.registered["refresh"])).status_code == 401
        assert (await _refresh(gateway, newest)).status_code == 401
        with psycopg.connect(gateway.urls.owner) as connection:
            row = connection.execute(
                "SELECT count(*) FROM events WHERE stream = %s AND type = 'SessionRevoked'",
                (f"user-{tenant.user_id}",),
            ).fetchone()
        assert row == (1,)

    async def test_of_two_racers_with_one_token_at_most_one_wins(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        answers = await asyncio.gather(*(_refresh(gateway, tenant.registered["refresh"]) for _ in range(2)))
        assert sorted(answer.status_code for answer in answers) == [200, 401]

    async def test_end_at_logout(self, gateway: Gateway, tenant: Tenant) -> None:
        token = tenant.registered["refresh"]
        async with gateway.client() as client:
            assert (await client.post("/api/v1/auth/logout/", json={"refresh": token})).status_code == 200
        assert (await _refresh(gateway, token)).status_code == 401

    async def test_refuse_what_is_no_token(self, gateway: Gateway) -> None:
        assert (await _refresh(gateway, "igr_nonsense")).status_code == 401


class TestProfile:
    async def test_changes_names_and_nothing_where_nothing_changes(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        async with tenant.client() as client:
            for _ in range(2):
                response = await client.patch("/api/v1/auth/me/", json={"first_name": "Ada"})
        assert response.json()["data"]["first_name"] == "Ada"
        with psycopg.connect(gateway.urls.owner) as connection:
            row = connection.execute(
                "SELECT count(*) FROM events WHERE stream = %s AND type = 'ProfileChanged'",
                (f"user-{tenant.user_id}",),
            ).fetchone()
        assert row == (1,)

    async def test_says_where_somebody_works(self, gateway: Gateway, tenant: Tenant) -> None:
        async with tenant.client() as client, (await gateway.register()).client() as stranger:
            first, second, foreign = [
                (await http.post(SITES, json={"name": name})).json()["data"]["id"]
                for http, name in ((client, "A"), (client, "B"), (stranger, "A"))
            ]
            made = await client.post(f"{SITES}{first}/sectors/", json={"name": "Sector"})
            sector = made.json()["data"]["id"]

            async def place(**body: str | None) -> tuple[str | None, str | None]:
                response = await client.patch(ME, json=body)
                assert response.status_code == 200, response.text
                shown = (await client.get(ME)).json()["data"]
                assert response.json()["data"] == shown
                return shown["active_site"], shown["active_sector"]

            assert await place() == (None, None)
            assert await place(active_sector=sector) == (first, sector)
            assert await place(active_site=None) == (None, None)
            assert (await client.patch(ME, json={"active_sector": foreign})).status_code == 404
            assert (await client.patch(ME, json={"active_site": foreign})).status_code == 404
            both = {"active_site": second, "active_sector": sector}
            assert (await client.patch(ME, json=both)).status_code == 404
            assert await place(active_site=first, active_sector=sector) == (first, sector)
            assert await place(first_name="Ada") == (first, sector)
            assert await place(active_site=second) == (second, None)
            assert await place(active_site=first, active_sector=sector) == (first, sector)
            assert await place(active_sector=None) == (first, None)
            assert await place(active_sector=sector) == (first, sector)
            await client.delete(f"{SITES}{first}/")
            assert (await client.get(ME)).json()["data"]["active_site"] is None
            assert await place(active_site=None) == (None, None)
