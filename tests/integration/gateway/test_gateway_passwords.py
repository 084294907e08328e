"""Changing and resetting passwords, ending sessions, and the refresh token as a cookie."""

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from common.ids import new_id
from gateway.mailed import MailedToken
from gateway.parts import SIGNING_IN_AT_ONCE
from gateway.users.passwords import verify_password

from tests.integration.gateway.running import PASSWORD, Gateway, Tenant

NEW = "Better-Horse-8"
AUTH = "/api/v1/auth"


async def _post(gateway: Gateway, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    address = f"198.18.{uuid4().int % 256}.{uuid4().int % 256}"  # nobody's throttle but its own
    async with gateway.client(address=address) as client:
        return await client.post(f"{AUTH}/{path}/", json=body, headers=headers)


async def _login(gateway: Gateway, email: str, password: str, **fields: Any) -> httpx.Response:
    return await _post(gateway, "login", {"email": email, "password": password, **fields})


async def _ask(gateway: Gateway, email: str) -> httpx.Response:
    return await _post(gateway, "password-reset", {"email": email})


async def _confirm(gateway: Gateway, token: str, password: str = NEW) -> httpx.Response:
    return await _post(gateway, "password-reset/confirm", {"token": token, "password": password})


async def _me(gateway: Gateway, session: dict[str, Any]) -> int:
    async with gateway.client(session["access"]) as client:
        return (await client.get(f"{AUTH}/me/")).status_code


async def _refresh(gateway: Gateway, session: dict[str, Any]) -> int:
    return (await _post(gateway, "refresh", {"refresh": session["refresh"]})).status_code


class TestEverySession:
    async def test_ends_at_once_by_logout_all(self, gateway: Gateway, tenant: Tenant) -> None:
        here = (await _login(gateway, tenant.email, PASSWORD)).json()["data"]
        assert await _me(gateway, here) == 200
        async with tenant.client() as client:
            assert (await client.post(f"{AUTH}/logout-all/")).status_code == 200
        for session in (here, tenant.registered):
            assert await _me(gateway, session) == 401
            assert await _refresh(gateway, session) == 401
        assert (await _login(gateway, tenant.email, PASSWORD)).status_code == 200

    async def test_ends_by_a_new_password_also_one_that_is_just_begun_with_the_old_one(
        self, gateway: Gateway, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def overtaken(password: str, hashed: str | None) -> bool:
            fine = await verify_password(password, hashed)
            monkeypatch.undo()
            async with gateway.client(tenant.registered["access"], address="198.18.256.1") as client:
                body = {"current_password": PASSWORD, "new_password": NEW}
                assert (await client.post(f"{AUTH}/change-password/", json=body)).status_code == 200
            return fine

        monkeypatch.setattr("gateway.users.api.verify_password", overtaken)
        assert (await _login(gateway, tenant.email, PASSWORD)).status_code == 401
        assert (await _login(gateway, tenant.email, NEW)).status_code == 200

    async def test_but_the_own_one_ends_by_a_new_password(self, gateway: Gateway, tenant: Tenant) -> None:
        here = (await _login(gateway, tenant.email, PASSWORD)).json()["data"]
        async with gateway.client(here["access"]) as client:
            body = {"current_password": PASSWORD, "new_password": NEW}
            assert (await client.post(f"{AUTH}/change-password/", json=body)).status_code == 200
        assert (await _me(gateway, here), await _refresh(gateway, here)) == (200, 200)
        assert (await _me(gateway, tenant.registered), await _refresh(gateway, tenant.registered)) == (
            401,
            401,
        )
        assert (await _login(gateway, tenant.email, PASSWORD)).status_code == 401
        assert (await _login(gateway, tenant.email, NEW)).status_code == 200

    @pytest.mark.parametrize(
        ("current", "new", "field"),
        [("Wrong-Horse-7", NEW, "current_password"), (PASSWORD, "Password123", "new_password")],
    )
    async def test_goes_on_where_the_change_is_refused(
        self, gateway: Gateway, tenant: Tenant, current: str, new: str, field: str
    ) -> None:
        async with tenant.client() as client:
            body = {"current_password": current, "new_password": new}
            response = await client.post(f"{AUTH}/change-password/", json=body)
        assert (response.status_code, list(response.json()["errors"])) == (400, [field])
        assert (await _login(gateway, tenant.email, PASSWORD)).status_code == 200

    async def test_is_not_guessed_faster_from_many_addresses_at_once(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        """By somebody who has found an open session."""
        body = {"current_password": "Wrong-Horse-7", "new_password": NEW}

        async def guess(n: int) -> int:
            async with gateway.client(tenant.registered["access"], f"198.51.100.{n}") as client:
                return (await client.post(f"{AUTH}/change-password/", json=body)).status_code

        statuses = Counter(await asyncio.gather(*(guess(n) for n in range(30))))
        assert set(statuses) == {400, 429}
        assert statuses[400] < 10 + SIGNING_IN_AT_ONCE


class TestLogout:
    async def test_ends_the_access_token_at_once(self, gateway: Gateway, tenant: Tenant) -> None:
        assert await _me(gateway, tenant.registered) == 200
        assert (await _post(gateway, "logout", {"refresh": tenant.registered["refresh"]})).status_code == 200
        assert await _me(gateway, tenant.registered) == 401


class TestReset:
    async def test_by_the_mailed_token_ends_all_sessions(self, gateway: Gateway, tenant: Tenant) -> None:
        assert (await _ask(gateway, f" {tenant.email.upper()}")).status_code == 200
        token = await gateway.mailed_token(tenant.email)
        assert (
            "https://console.example.com/reset-password?token="
            in gateway.mailed(tenant.email)[0].get_content()
        )
        assert (await _confirm(gateway, token)).status_code == 200
        assert (await _me(gateway, tenant.registered), await _refresh(gateway, tenant.registered)) == (
            401,
            401,
        )
        assert (await _login(gateway, tenant.email, PASSWORD)).status_code == 401
        assert (await _login(gateway, tenant.email, NEW)).status_code == 200

    async def test_is_answered_the_same_whoever_asks_and_mails_to_nobody_unknown(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        unknown = f"{uuid4().hex}@example.com"
        answers = [await _ask(gateway, unknown), await _ask(gateway, tenant.email)]
        bodies = [
            {name: value for name, value in answer.json().items() if name not in ("request_id", "timestamp")}
            for answer in answers
        ]
        assert answers[0].status_code == answers[1].status_code == 200
        assert bodies[0] == bodies[1]
        await gateway.mailed_token(tenant.email)  # asked for later, so the other job has been done too
        assert gateway.mailed(unknown) == []

    async def test_works_once_however_many_race(self, gateway: Gateway, tenant: Tenant) -> None:
        await _ask(gateway, tenant.email)
        token = await gateway.mailed_token(tenant.email)
        passwords = [f"Better-Horse-{n}" for n in range(6)]
        answers = await asyncio.gather(*(_confirm(gateway, token, each) for each in passwords))
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 5
        assert {answer.json().get("error_code") for answer in answers} == {None, "TOKEN_INVALID"}

    async def test_uses_up_every_token_of_the_user(self, gateway: Gateway, tenant: Tenant) -> None:
        await _ask(gateway, tenant.email)
        first = await gateway.mailed_token(tenant.email)
        await _ask(gateway, tenant.email)
        second = await gateway.mailed_token(tenant.email, besides={first})
        assert (await _confirm(gateway, second)).status_code == 200
        assert (await _confirm(gateway, first)).status_code == 400

    async def test_ends_after_an_hour(self, gateway: Gateway, tenant: Tenant) -> None:
        await _ask(gateway, tenant.email)
        token = await gateway.mailed_token(tenant.email)
        later = "UPDATE password_resets SET expires_at = expires_at - interval '1 hour' WHERE user_id = %s"
        with psycopg.connect(gateway.urls.owner) as connection:
            assert connection.execute(later, (tenant.user_id,)).rowcount == 1
        assert (await _confirm(gateway, token)).status_code == 400

    async def test_keeps_the_token_where_the_new_password_is_refused(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        await _ask(gateway, tenant.email)
        token = await gateway.mailed_token(tenant.email)
        refused = await _confirm(gateway, token, "Password123")
        assert (refused.status_code, list(refused.json()["errors"])) == (400, ["password"])
        assert (await _confirm(gateway, token)).status_code == 200

    async def test_refuses_what_is_forged_and_keeps_nothing_of_a_token(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        await _ask(gateway, tenant.email)
        token = await gateway.mailed_token(tenant.email)
        real = MailedToken.parse(token)
        assert real is not None
        forged = [
            "",
            "igm_nonsense",
            str(MailedToken(real.account_id, real.subject_id, b"x" * 32)),
            str(MailedToken(real.account_id, new_id(), real.code)),
            str(MailedToken(new_id(), real.subject_id, real.code)),
        ]
        assert [(await _confirm(gateway, each)).status_code for each in forged] == [400] * 5
        with psycopg.connect(gateway.urls.owner) as connection:
            kept = connection.execute(
                "SELECT string_agg(t, '') FROM (SELECT r::text AS t FROM password_resets r UNION ALL"
                " SELECT e.data::text FROM events e UNION ALL SELECT j::text FROM procrastinate_jobs j) x"
            ).fetchone()
        assert kept is not None
        assert token not in kept[0]
        assert real.code.hex() not in kept[0]

    async def test_mails_at_most_five_times_an_hour(self, gateway: Gateway) -> None:
        email = f"{uuid4().hex}@example.com"
        answers = [await _ask(gateway, email) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert 0 < int(answers[-1].headers["retry-after"]) <= 3600


class TestCookie:
    ORIGIN = "https://console.example.com"

    async def _cookie(self, gateway: Gateway, tenant: Tenant) -> str:
        answer = await _login(gateway, tenant.email, PASSWORD, cookie=True)
        assert answer.json()["data"]["refresh"] is None
        header = answer.headers["set-cookie"]
        for attribute in ("HttpOnly", "Secure", "SameSite=strict", "Path=/api/v1/auth/", "Max-Age=604800"):
            assert attribute in header
        return header.partition(";")[0]

    async def test_refreshes_and_signs_out(self, gateway: Gateway, tenant: Tenant) -> None:
        first = await self._cookie(gateway, tenant)
        answer = await _post(gateway, "refresh", {}, Cookie=first, Origin=self.ORIGIN)
        assert (answer.status_code, answer.json()["data"]["refresh"]) == (200, None)
        second = answer.headers["set-cookie"].partition(";")[0]
        assert second != first
        out = await _post(gateway, "logout", {}, Cookie=second, Origin="http://gateway")
        assert (out.status_code, "Max-Age=0" in out.headers["set-cookie"]) == (200, True)
        assert (await _post(gateway, "refresh", {}, Cookie=second, Origin=self.ORIGIN)).status_code == 401

    @pytest.mark.parametrize(
        "origin", [None, "null", "https://evil.example.com", "http://console.example.com", "http://["]
    )
    async def test_is_taken_from_no_other_page(
        self, gateway: Gateway, tenant: Tenant, origin: str | None
    ) -> None:
        headers = {"Cookie": await self._cookie(gateway, tenant)} | ({"Origin": origin} if origin else {})
        assert (await _post(gateway, "refresh", {}, **headers)).status_code == 403
