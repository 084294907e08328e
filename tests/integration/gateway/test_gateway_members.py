"""Users of an account: invited, with a role, seeing the sites they are granted."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from common.eventsourcing.rebuild import rebuild
from gateway.app import SERVICE

from tests.integration.gateway.running import PASSWORD, Gateway, Tenant, at_once

ACCOUNT = "/api/v1/account"
ACCEPT = "/api/v1/auth/invitations/accept/"


async def _site(tenant: Tenant) -> str:
    async with tenant.client() as client:
        made = await client.post(f"{ACCOUNT}/sites/", json={"name": uuid4().hex})
    return str(made.json()["data"]["id"])


async def _send(tenant: Tenant, method: str, path: str, **body: Any) -> httpx.Response:
    async with tenant.client() as client:
        return await client.request(method, f"{ACCOUNT}/{path}", json=body or None)


async def _sites_seen(tenant: Tenant) -> set[str]:
    found = (await _send(tenant, "GET", "sites/")).json()["data"]["results"]
    return {site["id"] for site in found}


async def _accept(gateway: Gateway, token: str, password: str = PASSWORD) -> httpx.Response:
    async with gateway.client() as client:
        return await client.post(ACCEPT, json={"token": token, "password": password})


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error_code"]


class TestInvitations:
    async def test_make_a_member_who_is_signed_in(self, gateway: Gateway, tenant: Tenant) -> None:
        site = await _site(tenant)
        member = await tenant.invite("editor", [site])
        assert member.account_id == tenant.account_id
        user = (await _send(tenant, "GET", f"users/{member.user_id}/")).json()["data"]
        assert (user["email"], user["role"], user["is_active"], user["site_ids"]) == (
            member.email,
            "editor",
            True,
            [site],
        )
        users = (await _send(tenant, "GET", "users/")).json()["data"]
        assert users["count"] == 2
        assert {each["id"] for each in users["results"]} == {str(tenant.user_id), str(member.user_id)}
        listed = (await _send(tenant, "GET", "invitations/")).json()["data"]["results"]
        assert [(each["email"], each["status"]) for each in listed] == [(member.email, "accepted")]

    async def test_work_once_however_many_race(self, gateway: Gateway, tenant: Tenant) -> None:
        email = f"{uuid4().hex}@example.com"
        await _send(tenant, "POST", "invitations/", email=email, role="viewer")
        token = await gateway.mailed_token(email)
        answers = await asyncio.gather(*(_accept(gateway, token) for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 4
        assert (await _send(tenant, "GET", "users/")).json()["data"]["count"] == 2

    async def test_sent_again_work_by_the_newest_mail(self, gateway: Gateway, tenant: Tenant) -> None:
        email = f"{uuid4().hex}@example.com"
        id = (await _send(tenant, "POST", "invitations/", email=email, role="viewer")).json()["data"]["id"]
        first = await gateway.mailed_token(email)
        await _send(tenant, "PATCH", f"invitations/{id}/", role="admin")
        assert (await _send(tenant, "POST", f"invitations/{id}/resend/")).status_code == 200
        second = await gateway.mailed_token(email, besides={first})
        assert _code(await _accept(gateway, first)) == (409, "INVITATION_CLOSED")
        accepted = await _accept(gateway, second)
        user = await _send(tenant, "GET", f"users/{accepted.json()['data']['user_id']}/")
        assert user.json()["data"]["role"] == "admin"

    async def test_are_mailed_to_an_address_three_times_an_hour(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        body = {"email": f"{uuid4().hex}@example.com", "role": "viewer"}
        ids = []
        for _ in range(2):
            ids.append((await _send(tenant, "POST", "invitations/", **body)).json()["data"]["id"])
            assert (await _send(tenant, "DELETE", f"invitations/{ids[-1]}/")).status_code == 204
        made = await _send(tenant, "POST", "invitations/", **body)
        id = made.json()["data"]["id"]
        refused = await _send(tenant, "POST", f"invitations/{id}/resend/")
        assert _code(refused) == (429, "RATE_LIMITED")
        assert 0 < int(refused.headers["retry-after"]) <= 3600
        assert (await _send(tenant, "GET", f"invitations/{id}/")).json()["data"]["version"] == 1
        await _send(tenant, "DELETE", f"invitations/{id}/")
        assert _code(await _send(tenant, "POST", "invitations/", **body)) == (429, "RATE_LIMITED")
        other = {**body, "email": f"{uuid4().hex}@example.com"}
        assert (await _send(tenant, "POST", "invitations/", **other)).status_code == 201
        stranger = await gateway.register()
        assert (await _send(stranger, "POST", "invitations/", **body)).status_code == 201

    async def test_of_two_changes_at_once_both_count(self, gateway: Gateway, tenant: Tenant) -> None:
        site = await _site(tenant)
        made = await _send(tenant, "POST", "invitations/", email=f"{uuid4().hex}@example.com", role="editor")
        path = f"invitations/{made.json()['data']['id']}/"
        await at_once(
            gateway,
            tenant.account_id,
            _send(tenant, "PATCH", path, role="viewer"),
            _send(tenant, "PATCH", path, site_ids=[site]),
        )
        changed = (await _send(tenant, "GET", path)).json()["data"]
        assert (changed["role"], changed["site_ids"]) == ("viewer", [site])

    async def test_end_by_being_revoked_and_after_a_week(self, gateway: Gateway, tenant: Tenant) -> None:
        tokens = {}
        for end in ("revoked", "expired"):
            email = f"{uuid4().hex}@example.com"
            made = await _send(tenant, "POST", "invitations/", email=email, role="viewer")
            tokens[made.json()["data"]["id"]] = await gateway.mailed_token(email), end
        revoked, expired = tokens
        assert (await _send(tenant, "DELETE", f"invitations/{revoked}/")).status_code == 204
        with psycopg.connect(gateway.urls.owner) as connection:
            # Facts are never edited; only a test, as the owner of the database, can make time pass.
            connection.execute("ALTER TABLE events DISABLE TRIGGER USER")
            connection.execute(
                "UPDATE events SET data = jsonb_set(data, '{expires_at}', '\"2026-01-01T00:00:00Z\"')"
                " WHERE stream = %s",
                (f"invitation-{expired}",),
            )
            connection.execute("ALTER TABLE events ENABLE TRIGGER USER")
            connection.execute("UPDATE invitations SET expires_at = '2026-01-01' WHERE id = %s", (expired,))
        for token, _ in tokens.values():
            assert _code(await _accept(gateway, token)) == (409, "INVITATION_CLOSED")
        for id, (_, end) in tokens.items():
            assert (await _send(tenant, "GET", f"invitations/{id}/")).json()["data"]["status"] == end
            found = (await _send(tenant, "GET", f"invitations/?status={end}")).json()["data"]["results"]
            assert [each["id"] for each in found] == [id]

    async def test_are_not_made_twice_nor_for_a_member(self, gateway: Gateway, tenant: Tenant) -> None:
        email = f"{uuid4().hex}@example.com"
        answers = await asyncio.gather(
            *(_send(tenant, "POST", "invitations/", email=email, role="viewer") for _ in range(4))
        )
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 3
        assert {a.json().get("error_code") for a in answers} == {None, "ALREADY_INVITED"}
        again = await _send(tenant, "POST", "invitations/", email=tenant.email, role="viewer")
        assert _code(again) == (409, "ALREADY_MEMBER")

    async def test_tell_nothing_of_a_user_of_another_account(self, gateway: Gateway, tenant: Tenant) -> None:
        other = await gateway.register()
        made = await _send(tenant, "POST", "invitations/", email=other.email, role="viewer")
        assert made.status_code == 201
        accepted = await _accept(gateway, await gateway.mailed_token(other.email))
        assert _code(accepted) == (409, "EMAIL_TAKEN")

    async def test_refuse_what_is_forged(self, gateway: Gateway) -> None:
        for token in ("", "igm_nonsense", "igm_" + "A" * 86 + "=="):
            assert _code(await _accept(gateway, token)) == (400, "TOKEN_INVALID")

    async def test_name_sites_of_the_account_for_who_needs_them(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        foreign = await _site(await gateway.register())
        email = f"{uuid4().hex}@example.com"
        body = {"email": email, "site_ids": [foreign]}
        assert (await _send(tenant, "POST", "invitations/", role="editor", **body)).status_code == 404
        assert (await _send(tenant, "POST", "invitations/", role="admin", **body)).status_code == 400

    async def test_keep_personal_data_out_of_facts_and_tables(self, gateway: Gateway, tenant: Tenant) -> None:
        member = await tenant.invite("viewer")
        with psycopg.connect(gateway.urls.owner) as connection:
            kept = connection.execute(
                "SELECT string_agg(t, '') FROM (SELECT i::text AS t FROM invitations i UNION ALL"
                " SELECT e.data::text FROM events e UNION ALL SELECT j::text FROM procrastinate_jobs j) x"
            ).fetchone()
        assert kept is not None
        assert str(member.user_id) in kept[0]
        assert member.email not in kept[0]


class TestSiteAccess:
    async def test_shows_an_editor_the_granted_sites_alone(self, gateway: Gateway, tenant: Tenant) -> None:
        first, second = await _site(tenant), await _site(tenant)
        editor = await tenant.invite("editor", [first])
        assert await _sites_seen(editor) == {first}
        assert (await _send(editor, "GET", f"sites/{second}/")).status_code == 404
        path = f"users/{editor.user_id}/sites/"
        granted = await _send(tenant, "PUT", path, site_ids=[second])
        assert granted.json()["data"] == {
            "user_id": str(editor.user_id),
            "all_sites": False,
            "site_ids": [second],
        }
        assert await _sites_seen(editor) == {second}
        assert (await _send(tenant, "GET", path)).json()["data"]["site_ids"] == [second]
        await _send(tenant, "PATCH", f"users/{editor.user_id}/", role="admin")
        assert await _sites_seen(editor) == {first, second}
        assert _code(await _send(tenant, "PUT", path, site_ids=[second])) == (409, "SEES_ALL_SITES")

    async def test_is_to_nothing_until_it_is_granted(self, tenant: Tenant) -> None:
        await _site(tenant)
        assert await _sites_seen(await tenant.invite("viewer")) == set()

    async def test_travels_in_the_identity(self, gateway: Gateway, tenant: Tenant) -> None:
        site = await _site(tenant)
        callers = gateway.app._callers  # type: ignore[attr-defined]  # what the app keeps
        viewer = await tenant.invite("viewer", [site])
        found = await callers.identify(f"Bearer {viewer.registered['access']}", "r-1")
        assert (found.role, [str(id) for id in found.site_ids]) == ("viewer", [site])
        assert (await callers.identify(f"Bearer {tenant.registered['access']}", "r-2")).site_ids is None

    async def test_says_where_editors_approve(self, gateway: Gateway, tenant: Tenant) -> None:
        first, second = await _site(tenant), await _site(tenant)
        callers = gateway.app._callers  # type: ignore[attr-defined]  # what the app keeps
        editor = await tenant.invite("editor", [first])
        access = f"Bearer {editor.registered['access']}"
        assert (await callers.identify(access, "r-1")).approving_site_ids == ()
        for site in (first, second):  # the second one is not the editor's
            assert (await _send(tenant, "PATCH", f"sites/{site}/", editors_approve=True)).status_code == 200
        found = await callers.identify(access, "r-2")
        assert [str(id) for id in found.approving_site_ids] == [first]
        await _send(tenant, "DELETE", f"sites/{first}/")
        assert (await callers.identify(access, "r-3")).approving_site_ids == ()


class TestUsers:
    async def test_who_is_taken_out_is_out_at_once_and_may_come_back(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        member = await tenant.invite("admin")
        path = f"users/{member.user_id}/"
        assert (await _send(member, "GET", "users/")).status_code == 200
        gone = await _send(tenant, "DELETE", path)
        assert gone.status_code == 204
        assert int(gone.headers["x-accounts-version"]) >= 4
        assert (await _send(member, "GET", "users/")).status_code == 401
        login = {"email": member.email, "password": PASSWORD}
        async with gateway.client(address="203.0.113.7") as client:
            assert (await client.post("/api/v1/auth/login/", json=login)).status_code == 401
            inactive = (await _send(tenant, "GET", "users/?is_active=false")).json()["data"]["results"]
            assert [each["id"] for each in inactive] == [str(member.user_id)]
            back = await _send(tenant, "PATCH", path, is_active=True)
            assert back.json()["data"]["is_active"] is True
            assert (await client.post("/api/v1/auth/login/", json=login)).status_code == 200

    async def test_the_owner_stays_until_the_account_is_handed_over(self, tenant: Tenant) -> None:
        admin = await tenant.invite("admin")
        mine, theirs = f"users/{tenant.user_id}/", f"users/{admin.user_id}/"
        assert _code(await _send(admin, "DELETE", mine)) == (409, "OWNER_NEEDED")
        assert _code(await _send(admin, "PATCH", mine, role="viewer")) == (409, "OWNER_NEEDED")
        assert _code(await _send(admin, "PATCH", theirs, role="owner")) == (403, "FORBIDDEN")
        assert (await _send(tenant, "PATCH", theirs, role="owner")).json()["data"]["role"] == "owner"
        assert (await _send(admin, "GET", mine)).json()["data"]["role"] == "admin"
        async with tenant.client() as client:
            assert (await client.get("/api/v1/auth/me/")).json()["data"]["role"] == "admin"
        assert (await _send(admin, "DELETE", mine)).status_code == 204

    async def test_of_racing_handovers_one_counts(self, tenant: Tenant) -> None:
        others = [await tenant.invite("admin") for _ in range(3)]
        await asyncio.gather(
            *(_send(tenant, "PATCH", f"users/{other.user_id}/", role="owner") for other in others)
        )
        owners = [
            (await _send(tenant, "GET", f"users/{each.user_id}/")).json()["data"]["role"]
            for each in (tenant, *others)
        ]
        assert sorted(owners) == ["admin", "admin", "admin", "owner"]

    @pytest.mark.parametrize("role", ["editor", "viewer"])
    async def test_are_none_of_an_editors_business(self, tenant: Tenant, role: str) -> None:
        member = await tenant.invite(role)
        path = f"users/{member.user_id}/"
        for method, where in (
            ("GET", "users/"),
            ("PATCH", path),
            ("DELETE", path),
            ("GET", "invitations/"),
            ("PATCH", ""),
        ):
            assert (
                await _send(member, method, where, **({} if method != "PATCH" else {"role": "admin"}))
            ).status_code == 403

    async def test_of_another_tenant_do_not_exist(self, gateway: Gateway, tenant: Tenant) -> None:
        other = await gateway.register()
        path = f"users/{other.user_id}/"
        assert (await _send(tenant, "GET", path)).status_code == 404
        assert (await _send(tenant, "PATCH", path, role="viewer")).status_code == 404
        assert (await _send(tenant, "DELETE", path)).status_code == 404
        assert (await _send(tenant, "PUT", f"{path}sites/", site_ids=[])).status_code == 404


class TestAccount:
    async def test_changes_its_name_and_slug(self, tenant: Tenant) -> None:
        slug = f"s-{uuid4().hex[:12]}"
        changed = await _send(tenant, "PATCH", "", name="New & Co", slug=slug)
        assert (changed.json()["data"]["name"], changed.json()["data"]["slug"]) == ("New & Co", slug)
        version = changed.headers["x-accounts-version"]
        again = await _send(tenant, "PATCH", "", name="New & Co", slug=slug)
        assert again.headers["x-accounts-version"] == version

    async def test_keeps_every_slug_it_ever_had(self, gateway: Gateway, tenant: Tenant) -> None:
        old = tenant.registered["account_slug"]
        await _send(tenant, "PATCH", "", slug=f"s-{uuid4().hex[:12]}")
        other = await gateway.register()
        assert _code(await _send(other, "PATCH", "", slug=old)) == (409, "SLUG_TAKEN")
        assert (await _send(tenant, "PATCH", "", slug=old)).json()["data"]["slug"] == old

    async def test_of_racers_for_one_slug_one_wins(self, gateway: Gateway) -> None:
        slug = f"s-{uuid4().hex[:12]}"
        racers = [await gateway.register() for _ in range(4)]
        answers = await asyncio.gather(*(_send(racer, "PATCH", "", slug=slug) for racer in racers))
        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 3


async def test_views_built_anew_are_what_they_were(gateway: Gateway, tenant: Tenant) -> None:
    for projection in SERVICE.model.projections:  # other tests write into tables behind the facts' back
        await rebuild(gateway.urls.owner, SERVICE.model, projection)
    first, second = await _site(tenant), await _site(tenant)
    member = await tenant.invite("editor", [first])
    await _send(tenant, "PUT", f"users/{member.user_id}/sites/", site_ids=[first, second])
    await _send(tenant, "DELETE", f"users/{member.user_id}/")
    await _send(tenant, "PATCH", f"users/{member.user_id}/", is_active=True)
    old = tenant.registered["account_slug"]
    for slug in (f"s-{uuid4().hex[:12]}", old):
        await _send(tenant, "PATCH", "", slug=slug)
    corrected = []
    for projection in SERVICE.model.projections:
        done = await rebuild(gateway.urls.owner, SERVICE.model, projection)
        assert done.facts > 0 or projection.name not in ("accounts", "users", "invitations")
        corrected += [table for table in done.tables if table.removed or table.written]
    assert corrected == []
