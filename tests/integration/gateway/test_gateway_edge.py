"""The edge: who gets through, and how requests are streamed to a service and back."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aiohttp
import psycopg
import pytest
from common.auth.identity import HEADER, Identity
from common.contracts.control import ProgressReported
from common.ids import new_id
from gateway.edge import breaker
from gateway.edge.breaker import FAILURES

from tests.integration.gateway.upstream import CHUNK, Running


class TestForwarding:
    async def test_hands_on_a_signed_identity_and_never_the_clients_own(
        self, edge: Running, client: aiohttp.ClientSession
    ) -> None:
        forged = edge.gateway.runtime.extras["gateway"].identity.sign(
            Identity(account_id=new_id(), role="owner")
        )
        sent = {HEADER: forged, "X-Request-ID": "my-request-1", "X-Hop": "1", "Connection": "X-Hop"}
        async with client.get("/api/v1/planner/keywords/?page=2&search=a%20b", headers=sent) as response:
            assert response.status == 200
            assert response.headers.getall("X-Request-ID") == ["my-request-1"]
            assert "X-Hop" not in response.headers
        seen = edge.upstream.headers[-1]
        assert edge.upstream.paths[-1] == "/api/v1/planner/keywords/?page=2&search=a%20b"
        assert forged not in seen[HEADER.lower()]
        identity = await edge.gateway.runtime.verifier.verify(seen[HEADER.lower()])
        assert (identity.account_id, identity.user_id) == (edge.tenant.account_id, edge.tenant.user_id)
        assert (identity.role, identity.request_id, identity.route) == ("owner", "", None)
        assert (
            seen["x-request-id"] == "my-request-1"
        )  # and no other: a token goes along with several requests
        assert "authorization" not in seen
        assert "x-hop" not in seen

    async def test_names_the_version_that_the_callers_last_change_made(
        self, edge: Running, client: aiohttp.ClientSession
    ) -> None:
        versions = []
        for _ in range(3):
            async with client.post("/api/v1/account/sites/", json={"name": uuid4().hex}) as response:
                assert response.status == 201
                made = int(response.headers["X-Accounts-Version"])
            async with client.get("/api/v1/planner/keywords/"):
                token = edge.upstream.headers[-1][HEADER.lower()]
            identity = await edge.gateway.runtime.verifier.verify(token)
            versions.append((made, identity.accounts_version))
        assert all(made == told for made, told in versions), versions

    async def test_rewrites_the_alias_of_tasks(self, edge: Running, client: aiohttp.ClientSession) -> None:
        async with client.get("/api/v1/planner/tasks?page=1"):
            assert edge.upstream.paths[-1] == "/api/v1/writer/tasks/?page=1"

    async def test_gives_a_public_file_an_anonymous_token(self, edge: Running) -> None:
        async with (
            aiohttp.ClientSession(edge.url) as nobody,
            nobody.get(f"/api/v1/writer/images/{uuid4()}/file/") as response,
        ):
            assert response.status == 200
        identity = await edge.gateway.runtime.verifier.verify(edge.upstream.headers[-1][HEADER.lower()])
        assert (identity.route, identity.user_id, identity.role) == (
            "writer/images/{}/file/",
            None,
            "anonymous",
        )

    async def test_streams_an_upload_while_it_comes(
        self, edge: Running, client: aiohttp.ClientSession
    ) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield CHUNK
            # Only a forwarder that does not wait for the whole body gets the first part through now.
            await asyncio.wait_for(edge.upstream.first_chunk.wait(), 10)
            for _ in range(99):
                yield CHUNK

        async with client.post("/api/v1/planner/keywords/import_csv/", data=body()) as response:
            assert (await response.json())["bytes"] == 100 * len(CHUNK)

    async def test_streams_a_download_while_it_comes(
        self, edge: Running, client: aiohttp.ClientSession
    ) -> None:
        async with client.get("/api/v1/planner/download/") as response:
            first = await asyncio.wait_for(response.content.readexactly(len(CHUNK)), 10)
            edge.upstream.release.set()
            assert (first, await response.read()) == (CHUNK, CHUNK)

    @pytest.mark.parametrize(
        ("path", "status", "code"),
        [
            ("/api/v1/billing/plans/", 502, "BAD_GATEWAY"),
            ("/api/v1/publisher/publications/", 503, "SERVICE_UNAVAILABLE"),
        ],
    )
    async def test_says_in_the_envelope_that_a_service_is_away(
        self, client: aiohttp.ClientSession, path: str, status: int, code: str
    ) -> None:
        async with client.get(path) as response:
            body: dict[str, Any] = await response.json()
        assert (response.status, body["success"], body["error_code"]) == (status, False, code)
        assert body["request_id"] == response.headers["X-Request-ID"]


class TestBodies:
    async def test_too_large_is_said_in_the_middle_of_it(
        self, edge: Running, client: aiohttp.ClientSession
    ) -> None:
        async def body() -> AsyncIterator[bytes]:
            for _ in range(17):
                yield CHUNK

        # A megabyte; what the service got of it, it never takes for the whole.
        async with client.post("/api/v1/planner/keywords/", data=body()) as response:
            answered = await response.json()
        assert (response.status, answered["error_code"]) == (413, "BODY_TOO_LARGE")
        async with client.post(
            "/api/v1/planner/keywords/import_csv/", data=b"", headers={"Content-Length": "200000000"}
        ) as response:
            assert response.status == 413


class TestBreaker:
    async def test_a_service_that_is_away_is_not_asked_each_time(
        self, edge: Running, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(breaker, "monotonic", lambda: 0.0)
        codes = []
        for _ in range(FAILURES + 1):
            async with client.get("/api/v1/billing/plans/") as response:
                codes.append((await response.json())["error_code"])
        assert codes[-1] == "SERVICE_UNAVAILABLE"
        assert response.headers["Retry-After"] == "1"
        async with client.get("/api/v1/planner/keywords/") as response:
            assert response.status == 200, "the others are none of its business"


class TestWaiting:
    async def test_the_end_of_a_task_takes_the_place_of_its_acceptance(
        self, edge: Running, client: aiohttp.ClientSession
    ) -> None:
        path, headers = f"/api/v1/planner/keywords/auto_cluster/?id={uuid4().hex}", {"Prefer": "wait=20"}
        async with client.post(path, json={}, headers=headers) as response:
            assert (response.status, (await response.json())["data"]) == (200, {"status": "completed"})
            assert response.headers["Preference-Applied"] == "wait=20"
            assert response.headers["Location"].startswith("/api/v1/planner/imports/")

    async def test_what_lasts_longer_is_said_to_run(
        self, edge: Running, client: aiohttp.ClientSession
    ) -> None:
        id = uuid4().hex
        path, headers = f"/api/v1/planner/keywords/auto_cluster/?id={id}", {"Prefer": "wait=0"}
        async with client.post(path, json={}, headers=headers) as response:
            assert (response.status, (await response.json())["data"]) == (202, {"task_id": "t"})
        edge.upstream.asked[id] = -1_000_000_000
        async with client.post(path, json={}, headers={"Prefer": "wait=1"}) as response:
            assert (response.status, (await response.json())["data"]) == (202, {"status": "running"})
            assert response.headers["Location"] == f"/api/v1/planner/imports/{id}/"

    async def test_a_task_of_which_nobody_can_tell_was_accepted_all_the_same(
        self, edge: Running, client: aiohttp.ClientSession
    ) -> None:
        id = uuid4().hex
        path = f"/api/v1/planner/keywords/auto_cluster/?id={id}&at=away"
        async with client.post(path, json={}, headers={"Prefer": "wait=1"}) as response:
            assert (response.status, (await response.json())["data"]) == (202, {"task_id": "t"})
            assert response.headers["Location"] == f"/api/v1/planner/away/{id}/"
        assert edge.upstream.asked[id] > 0

    async def test_what_is_no_task_is_not_waited_for(
        self, edge: Running, client: aiohttp.ClientSession
    ) -> None:
        """What its location shows may be what became of it an earlier time."""
        id = uuid4().hex
        path = f"/api/v1/planner/keywords/auto_cluster/?id={id}&made=content_id"
        async with client.post(path, json={}, headers={"Prefer": "wait=20"}) as response:
            assert (response.status, (await response.json())["data"]) == (202, {"content_id": "t"})
            assert "Preference-Applied" not in response.headers
            assert response.headers["Location"] == f"/api/v1/planner/imports/{id}/"
        assert edge.upstream.asked[id] == 0


class TestLiveStream:
    async def test_is_open_to_its_account_and_says_what_is_recorded(
        self, edge: Running, client: aiohttp.ClientSession
    ) -> None:
        live = edge.gateway.runtime.extras["gateway"].live
        progress = ProgressReported(
            operation_id=new_id(), function="auto_cluster", phase="Saving", item=1, items=1, percent=90
        )
        async with client.get("/api/v1/events/") as response:
            assert response.headers["Content-Type"].startswith("text/event-stream")
            assert await asyncio.wait_for(response.content.readline(), 10) == b"retry: 2000\n"
            live.report(edge.tenant.account_id, progress)
            lines = [await asyncio.wait_for(response.content.readline(), 10) for _ in range(3)]
        assert lines[1] == b"event: ProgressReported\n"
        assert str(progress.operation_id).encode() in lines[2]


class TestCallers:
    @pytest.mark.parametrize("path", ["/api/v1/planner/keywords/", "/api/v1/account/", "/api/v1/auth/me/"])
    @pytest.mark.parametrize("authorization", [None, "Bearer", "Basic eDp5", "Bearer a.b.c"])
    async def test_nobody_gets_the_envelope(
        self, edge: Running, path: str, authorization: str | None
    ) -> None:
        headers = {"Authorization": authorization} if authorization else {}
        async with aiohttp.ClientSession(edge.url, headers=headers) as nobody, nobody.get(path) as response:
            body = await response.json()
        assert (response.status, body["error_code"]) == (401, "UNAUTHORIZED")
        assert response.headers["WWW-Authenticate"] == "Bearer"

    async def test_an_identity_token_opens_nothing_from_outside(self, edge: Running) -> None:
        signer = edge.gateway.runtime.extras["gateway"].identity
        token = signer.sign(Identity(account_id=edge.tenant.account_id, role="owner"))
        for headers in ({HEADER: token}, {"Authorization": f"Bearer {token}"}):
            async with (
                aiohttp.ClientSession(edge.url, headers=headers) as nobody,
                nobody.get("/api/v1/account/") as response,
            ):
                assert response.status == 401

    async def test_who_was_a_member_gets_in_no_more(self, edge: Running) -> None:
        former = await edge.gateway.register()
        with psycopg.connect(edge.gateway.urls.owner) as connection:
            connection.execute("SELECT set_config('app.account_id', %s, true)", (str(former.account_id),))
            connection.execute("UPDATE members SET active = false WHERE user_id = %s", (former.user_id,))
        async with (
            aiohttp.ClientSession(edge.url) as client,
            client.get(
                "/api/v1/planner/keywords/",
                headers={"Authorization": f"Bearer {former.registered['access']}"},
            ) as response,
        ):
            assert response.status == 401

    async def test_an_odd_request_id_is_replaced(self, client: aiohttp.ClientSession) -> None:
        async with client.get("/api/v1/account/", headers={"X-Request-ID": "<script>"}) as response:
            assert "<" not in response.headers["X-Request-ID"]

    async def test_keys_and_schema_are_public(self, edge: Running) -> None:
        async with aiohttp.ClientSession(edge.url) as nobody:
            async with nobody.get("/.well-known/jwks.json") as response:
                assert [key["alg"] for key in (await response.json())["keys"]] == ["EdDSA"]
            async with nobody.get("/api/schema/") as response:
                document = await response.json()
        assert document["openapi"].startswith("3.1")
        assert "/api/v1/account/sites/" in document["paths"]
