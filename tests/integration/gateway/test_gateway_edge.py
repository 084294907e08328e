"""The edge: who gets through, and how requests are streamed to a service and back."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
import psycopg
import pytest
import uvicorn
from aiohttp import web
from common.api.errors import ApiError
from common.auth.identity import HEADER, Identity
from common.contracts.control import ProgressReported
from common.ids import new_id
from gateway.edge import breaker, forwarder
from gateway.edge.breaker import FAILURES
from gateway.edge.routes import parse_upstreams

from tests.integration.gateway.running import Gateway, Tenant, make_gateway
from tests.parts.ports import eventually, free_port
from tests.support.database import ServiceUrls

CHUNK = b"x" * 65_536


@dataclass
class Upstream:
    """A service that streams, and remembers what it was sent."""

    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    uploaded: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    first_chunk: asyncio.Event = field(default_factory=asyncio.Event)
    aborted: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/api/v1/planner/keywords/import_csv/", self.upload)
        app.router.add_get("/api/v1/planner/download/", self.download)
        app.router.add_get("/api/v1/planner/hang/", self.hang)
        app.router.add_post("/api/v1/planner/keywords/auto_cluster/", self.accept)
        app.router.add_get("/api/v1/planner/imports/{id}/", self.follow)
        app.router.add_get("/api/v1/planner/away/{id}/", self.leave)
        app.router.add_route("*", "/{tail:.*}", self.echo)
        return app

    async def echo(self, request: web.Request) -> web.Response:
        names = {name.lower() for name in request.headers}
        self.headers.append({name: ", ".join(request.headers.getall(name)) for name in names})
        self.paths.append(request.raw_path)
        return web.json_response(
            {"body": await request.text()},
            headers={"Connection": "X-Hop", "X-Hop": "1", "X-Request-ID": "theirs"},
        )

    async def upload(self, request: web.Request) -> web.Response:
        async for chunk in request.content.iter_any():
            self.uploaded += len(chunk)
            self.first_chunk.set()
        return web.json_response({"bytes": self.uploaded})

    async def accept(self, request: web.Request) -> web.Response:
        """A task that has ended when it is asked for the third time; one of which nobody can tell; what is no task."""
        location = f"/api/v1/planner/{request.query.get('at', 'imports')}/{request.query['id']}/"
        made = {request.query.get("made", "task_id"): "t"}
        return web.json_response({"data": made}, status=202, headers={"Location": location})

    async def follow(self, request: web.Request) -> web.Response:
        self.asked[request.match_info["id"]] += 1
        asked = self.asked[request.match_info["id"]]
        if asked == 1:
            return web.json_response({"error_code": "NOT_FOUND"}, status=404)
        return web.json_response({"data": {"status": "running" if asked < 4 else "completed"}})

    async def leave(self, request: web.Request) -> web.Response:
        self.asked[request.match_info["id"]] += 1
        if self.asked[request.match_info["id"]] == 1:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"error_code": "NOT_FOUND"}, status=404)

    async def download(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(CHUNK)
        await self.release.wait()
        await response.write(CHUNK)
        return response

    async def hang(self, request: web.Request) -> web.Response:
        self.first_chunk.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.aborted.set()
            raise
        return web.Response()


@dataclass
class Running:
    gateway: Gateway
    url: str
    upstream: Upstream
    tenant: Tenant

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tenant.registered['access']}"}


@pytest.fixture(scope="module")
async def edge(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Running]:
    upstream = Upstream()
    runner = web.AppRunner(upstream.app(), handler_cancellation=True)
    await runner.setup()
    port, own, dead = free_port(), free_port(), free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    with service_database("gateway") as urls, service_database("secrets") as secret_urls:
        gateway = make_gateway(
            urls,
            secret_urls,
            tmp_path_factory.mktemp("edge"),
            upstreams=f"planner=http://127.0.0.1:{port},writer=http://127.0.0.1:{port},billing=http://127.0.0.1:{dead}",
        )
        await gateway.runtime.database.open()
        server = uvicorn.Server(
            uvicorn.Config(
                gateway.app, port=own, lifespan="off", log_config=None, timeout_graceful_shutdown=1
            )
        )
        serving = asyncio.create_task(server.serve())
        await eventually(lambda: server.started, what="the gateway serves")
        yield Running(gateway, f"http://127.0.0.1:{own}", upstream, await gateway.register())
        server.should_exit = True
        await serving
        await gateway.runtime.extras["gateway"].audit.flush()
        await gateway.runtime.database.close()
    await runner.cleanup()


@pytest.fixture
async def client(edge: Running) -> AsyncIterator[aiohttp.ClientSession]:
    for event in (edge.upstream.first_chunk, edge.upstream.aborted, edge.upstream.release):
        event.clear()
    edge.upstream.uploaded = 0
    async with aiohttp.ClientSession(edge.url, headers=edge.headers) as session:
        yield session


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

    async def test_stops_the_service_when_the_client_goes(
        self, edge: Running, client: aiohttp.ClientSession
    ) -> None:
        request = asyncio.ensure_future(client.get("/api/v1/planner/hang/"))
        await asyncio.wait_for(edge.upstream.first_chunk.wait(), 10)
        request.cancel()
        await asyncio.wait_for(edge.upstream.aborted.wait(), 10)

    async def test_says_that_a_service_did_not_answer_in_time(
        self, edge: Running, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(forwarder, "SILENCE_SECONDS", 0.05)
        impatient = forwarder.Forwarder(parse_upstreams(edge.gateway.runtime.settings.upstreams))
        path = "/api/v1/planner/hang/"
        scope = {"method": "GET", "path": path, "query_string": b"", "headers": []}

        async def stays() -> Any:
            await asyncio.Event().wait()

        async def hears(_message: Any) -> None:
            raise AssertionError("there is nothing to answer with")

        with pytest.raises(ApiError) as raised:
            await impatient.forward(scope, stays, hears, service="planner", path=path, headers=[])
        await impatient.close()
        assert (raised.value.status, raised.value.code) == (504, "GATEWAY_TIMEOUT")

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
