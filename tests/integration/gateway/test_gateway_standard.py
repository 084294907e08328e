"""The API standard at the edge: rate limits, versions, origins, bodies, waiting for a task."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, LiteralString
from uuid import uuid4

import httpx
import psycopg
import pytest
import structlog
from common.auth.tokens import TokenVerifier
from gateway.api_keys.secret import new_secret
from gateway.windows import Windows
from limits import RateLimitItemPerMinute

from tests.integration.gateway.running import Gateway, Tenant, make_gateway, new_master_key
from tests.parts.redis import RealRedis
from tests.support.database import ServiceUrls

ORIGIN = "https://console.example.com"


@pytest.fixture(scope="module")
def redis() -> Iterator[RealRedis]:
    with RealRedis(durable=False) as server:
        yield server


@pytest.fixture(scope="module")
async def replicas(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]],
    tmp_path_factory: pytest.TempPathFactory,
    redis: RealRedis,
) -> AsyncIterator[tuple[Gateway, Gateway]]:
    """Two gateways with one database, one set of keys and one store of counters."""
    directory = tmp_path_factory.mktemp("replicas")
    with service_database("gateway") as urls, service_database("secrets") as secret_urls:
        async with AsyncExitStack() as closing:
            made, master_key = [], new_master_key()
            for _ in range(2):
                gateway = make_gateway(
                    urls,
                    secret_urls,
                    directory,
                    rate_limits="auth=6,write=5,read=1000,failed=4",
                    rate_limit_store=redis.url,
                    master_key=master_key,
                    cors_origins=(ORIGIN,),
                )
                await gateway.runtime.database.open()
                closing.push_async_callback(gateway.runtime.database.close)
                made.append(gateway)
            yield made[0], made[1]


@asynccontextmanager
async def each(gateways: tuple[Gateway, Gateway], token: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    async with gateways[0].client(token) as first, gateways[1].client(token) as second:
        yield [first, second]


def ratelimit(response: httpx.Response) -> tuple[str, int, int]:
    """Class, what is left, and for how many seconds."""
    name, left, seconds = response.headers["ratelimit"].split(";")
    return name.strip('"'), int(left.removeprefix("r=")), int(seconds.removeprefix("t="))


class TestRateLimits:
    async def test_hold_over_two_gateways_and_for_each_caller(
        self, replicas: tuple[Gateway, Gateway]
    ) -> None:
        tenant, other = [await replicas[0].register() for _ in range(2)]
        async with each(replicas, tenant.registered["access"]) as clients:
            answers = [
                await clients[n % 2].post("/api/v1/account/sites/", json={"name": uuid4().hex})
                for n in range(6)
            ]
            assert [response.status_code for response in answers] == [201] * 5 + [429]
            assert [ratelimit(response)[:2] for response in answers] == [
                ("write", n) for n in (4, 3, 2, 1, 0, 0)
            ]
            refused = answers[-1]
            assert refused.json()["error_code"] == "RATE_LIMITED"
            assert refused.headers["ratelimit-policy"] == '"write";q=5;w=60'
            assert 1 <= int(refused.headers["retry-after"]) <= 60
            reading = await clients[1].get("/api/v1/account/sites/")
            assert (reading.status_code, ratelimit(reading)[0]) == (200, "read")
        async with each(replicas, other.registered["access"]) as clients:
            answered = await clients[1].post("/api/v1/account/sites/", json={"name": "mine"})
            assert answered.status_code == 201

    async def test_count_who_signs_in_by_address(self, replicas: tuple[Gateway, Gateway]) -> None:
        body = {"email": "nobody@example.com", "password": "Wrong-Horse-7"}
        statuses = []
        for n in range(7):
            async with replicas[n % 2].client(address="192.0.2.77") as client:
                statuses.append((await client.post("/api/v1/auth/login/", json=body)).status_code)
        assert statuses == [401] * 6 + [429]
        async with replicas[0].client(address="192.0.2.78") as client:
            assert (await client.post("/api/v1/auth/login", json=body)).status_code == 401

    async def test_refuse_a_flood_of_credentials_that_do_not_count(
        self, replicas: tuple[Gateway, Gateway], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tenant = await replicas[0].register()
        access = tenant.registered["access"]
        async with tenant.client() as client:
            await client.post("/api/v1/auth/logout-all/")
        floods: dict[str, Callable[[], dict[str, str]]] = {
            "192.0.2.101": lambda: {"Authorization": f"Bearer {access}"},  # its session has ended
            "192.0.2.102": lambda: {"Authorization": f"Bearer {access[:-32]}{uuid4().hex}"},
            "192.0.2.103": lambda: {"X-API-Key": new_secret()},
            "192.0.2.104": lambda: {"X-API-Key": uuid4().hex},
        }

        async def ask(n: int, address: str, headers: dict[str, str]) -> httpx.Response:
            async with replicas[n % 2].client(address=address) as client:
                return await client.get("/api/v1/account/", headers=headers)

        for address, headers in floods.items():
            answers = [await ask(n, address, headers()) for n in range(6)]
            assert [response.status_code for response in answers] == [401] * 4 + [429] * 2, address
            assert answers[-1].json()["details"] == {"class": "failed", "per_minute": 4}
            assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
            assert (await ask(0, "192.0.2.105", headers())).status_code == 401, "another address"

        async def computed(*_: object) -> None:
            raise AssertionError("this is what a flood must not cost")

        monkeypatch.setattr("gateway.edge.key_callers.hash_of", computed)
        monkeypatch.setattr(TokenVerifier, "verify", computed)
        for address, headers in floods.items():
            assert (await ask(0, address, headers())).status_code == 429

    async def test_hinder_nobody_at_that_address_who_is_known(
        self, replicas: tuple[Gateway, Gateway]
    ) -> None:
        tenant, other = [await replicas[0].register() for _ in range(2)]
        there, nothing = "192.0.2.120", {"X-API-Key": "forged"}
        async with tenant.client() as client:
            made = await client.post("/api/v1/auth/api-keys/", json={"name": "Importer", "scopes": ["read"]})
        known = (
            {"Authorization": f"Bearer {tenant.registered['access']}"},
            {"X-API-Key": made.json()["data"]["key"]},
        )
        async with replicas[0].client(address=there) as client:

            async def answered(headers: dict[str, str]) -> int:
                return (await client.get("/api/v1/account/", headers=headers)).status_code

            assert [await answered(headers) for headers in known] == [200, 200]
            assert [await answered({}) for _ in range(5)] == [401] * 5, "who sends nothing guesses nothing"
            assert [await answered(nothing) for _ in range(5)] == [401] * 4 + [429]
            assert [await answered(headers) for headers in known] == [200, 200]
            new = {"Authorization": f"Bearer {other.registered['access']}"}
            assert await answered(new) == 429, "nothing is known of it yet"
        async with replicas[0].client(address="192.0.2.121") as client:
            assert (await client.get("/api/v1/account/", headers=new)).status_code == 200
        async with tenant.client() as client:
            await client.post("/api/v1/auth/logout-all/")
        async with replicas[0].client(address=there) as client:
            assert (await client.get("/api/v1/account/", headers=known[0])).status_code == 429, "no more"

    async def test_without_their_store_a_gateway_counts_by_itself_and_says_so(self, redis: RealRedis) -> None:
        windows, limit = Windows(redis.url), RateLimitItemPerMinute(3)
        caller = uuid4().hex
        assert (await windows.hit(limit, "write", caller)).remaining == 2
        redis.kill()
        try:
            with structlog.testing.capture_logs() as logs:
                alone = [await windows.hit(limit, "write", caller) for _ in range(4)]
            assert [window.allowed for window in alone] == [True, True, True, False]
            assert [entry["event"] for entry in logs] == ["rate_limit_store_away"], (
                "once, not at every request"
            )
        finally:
            redis.start()

    async def test_are_counted_together_again_when_the_store_is_back(
        self, redis: RealRedis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = 1_000.0
        monkeypatch.setattr("gateway.windows.monotonic", lambda: now)
        windows, limit = Windows(redis.url), RateLimitItemPerMinute(3)
        redis.kill()
        try:
            await windows.hit(limit, "write", "x")
        finally:
            redis.start()
        now += 60
        with structlog.testing.capture_logs() as logs:
            caller = uuid4().hex
            assert (await windows.hit(limit, "write", caller)).remaining == 2
        assert [entry["event"] for entry in logs] == ["rate_limit_store_back"]
        assert (await Windows(redis.url).hit(limit, "write", caller)).remaining == 1

    async def test_hold_whatever_the_gateways_own_clocks_say(
        self, redis: RealRedis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shared = time.time
        behind, ahead = (Windows(redis.url, exact=True, clock=shared) for _ in range(2))
        limit, caller, allowed = RateLimitItemPerMinute(2), uuid4().hex, []
        for windows, skew in ((behind, -30), (behind, -30), (ahead, 3_600)):
            monkeypatch.setattr(time, "time", lambda skew=skew: shared() + skew)
            allowed.append((await windows.hit(limit, "login", caller)).allowed)
        window = await ahead.look(limit, "login", caller)
        assert allowed == [True, True, False]
        assert (window.allowed, window.remaining) == (False, 0)
        assert window.reset_seconds > 1, "a minute from the first, also for who is an hour ahead"


class TestVersions:
    async def test_one_of_twenty_changes_of_the_same_version_is_made(self, tenant: Tenant) -> None:
        async with tenant.client() as client:
            made = await client.post("/api/v1/account/sites/", json={"name": "A"})
            path, tag = f"/api/v1/account/sites/{made.json()['data']['id']}/", made.headers["etag"]
            answers = await asyncio.gather(
                *(
                    client.patch(path, json={"name": f"name {n}"}, headers={"If-Match": tag})
                    for n in range(20)
                )
            )
            assert sorted(response.status_code for response in answers) == [200] + [412] * 19
            (winner,) = [response for response in answers if response.status_code == 200]
            now = await client.get(path)
            assert (now.headers["etag"], now.json()["data"]) == (
                winner.headers["etag"],
                winner.json()["data"],
            )

    async def test_every_change_of_sites_and_sectors_may_depend_on_one(self, tenant: Tenant) -> None:
        async with tenant.client() as client:
            site = await client.post("/api/v1/account/sites/", json={"name": "A"})
            path = f"/api/v1/account/sites/{site.json()['data']['id']}/"
            sector = await client.post(f"{path}sectors/", json={"name": "B"})
            for where, resource in ((f"{path}sectors/{sector.json()['data']['id']}/", sector), (path, site)):
                for method, body in (("PATCH", {"name": "C"}), ("PUT", {"name": "C"}), ("DELETE", None)):
                    late = await client.request(method, where, json=body, headers={"If-Match": '"0"'})
                    assert (late.status_code, late.json()["error_code"]) == (412, "PRECONDITION_FAILED"), (
                        method
                    )
                version = (await client.get(where)).json()["data"]["version"]
                assert version == resource.json()["data"]["version"]
                kept = await client.get(where, headers={"If-None-Match": resource.headers["etag"]})
                assert kept.status_code == 304
                gone = await client.delete(where, headers={"If-Match": f'"{version}"'})
                assert gone.status_code == 204


class TestOrigins:
    async def test_pages_of_a_configured_origin_may_use_the_api(
        self, replicas: tuple[Gateway, Gateway]
    ) -> None:
        tenant = await replicas[0].register()
        wanted = {
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "authorization, if-match, idempotency-key",
        }
        async with tenant.client() as client:
            asked = await client.options("/api/v1/account/sites/", headers=wanted)
            assert asked.status_code == 200
            assert asked.headers["access-control-allow-origin"] == ORIGIN
            assert asked.headers["access-control-allow-credentials"] == "true"
            assert "if-match" in asked.headers["access-control-allow-headers"]
            answered = await client.get("/api/v1/account/sites/", headers={"Origin": ORIGIN})
            assert answered.headers["access-control-allow-origin"] == ORIGIN
            exposed = {
                name.strip().lower() for name in answered.headers["access-control-expose-headers"].split(",")
            }
            assert exposed == {
                *("x-request-id", "x-resource-tracking-id", "ratelimit", "ratelimit-policy"),
                *("etag", "retry-after", "location"),
            }

    async def test_pages_of_others_may_not(self, replicas: tuple[Gateway, Gateway], tenant: Tenant) -> None:
        for gateway in (replicas[0], tenant.gateway):  # the second has no origins at all
            async with gateway.client() as client:
                answered = await client.get("/api/schema/", headers={"Origin": "https://evil.example.com"})
                assert "access-control-allow-origin" not in answered.headers
                asked = await client.options(
                    "/api/v1/account/",
                    headers={"Origin": "https://evil.example.com", "Access-Control-Request-Method": "GET"},
                )
                assert "access-control-allow-origin" not in asked.headers
                assert asked.status_code >= 400


class TestBodies:
    async def test_larger_than_a_megabyte_are_refused_however_they_come(self, tenant: Tenant) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(11):
                yield b" " * 100_000

        async with tenant.client() as client:
            for content in (b" " * 1_000_001, chunks()):
                answered = await client.post(
                    "/api/v1/account/sites/", content=content, headers={"Content-Type": "application/json"}
                )
                assert (answered.status_code, answered.json()["error_code"]) == (413, "BODY_TOO_LARGE")
                assert answered.headers["x-request-id"] == answered.json()["request_id"]
            fits = b'{"name": "A"' + b" " * 999_987 + b"}"
            assert len(fits) == 1_000_000
            answered = await client.post(
                "/api/v1/account/sites/", content=fits, headers={"Content-Type": "application/json"}
            )
            assert answered.status_code == 201


class TestTracking:
    async def test_tells_who_asks_what_a_request_cost(self, tenant: Tenant) -> None:
        other = await tenant.gateway.register()
        async with tenant.client() as client, other.client() as stranger:
            plain = await client.get("/api/v1/account/")
            assert "x-resource-tracking-id" not in plain.headers
            tracked = await client.get("/api/v1/account/", headers={"X-Track-Resources": "1"})
            path = f"/api/v1/system/request-metrics/{tracked.headers['x-resource-tracking-id']}/"
            found = (await client.get(path)).json()["data"]
            assert (found["method"], found["path"], found["status"]) == ("GET", "/api/v1/account/", 200)
            assert found["request_id"] == tracked.headers["x-request-id"]
            assert found["memory_bytes"] > 1_000_000
            assert found["seconds"] > 0
            assert (await stranger.get(path)).status_code == 404

    async def test_is_kept_for_an_hour(self, tenant: Tenant) -> None:
        async with tenant.client() as client:
            tracked = await client.get("/api/v1/account/", headers={"X-Track-Resources": "1"})
            path = f"/api/v1/system/request-metrics/{tracked.headers['x-resource-tracking-id']}/"
            changed(tenant, "UPDATE request_metrics SET at = at - interval '61 minutes'")
            assert (await client.get(path)).status_code == 404

    async def test_is_nothing_for_editors(self, tenant: Tenant) -> None:
        changed(tenant, "UPDATE members SET role = 'editor'")
        async with tenant.client() as client:
            asked = await client.get("/api/v1/account/", headers={"X-Track-Resources": "1"})
            assert "x-resource-tracking-id" not in asked.headers
            assert (await client.get(f"/api/v1/system/request-metrics/{uuid4()}/")).status_code == 403


def changed(tenant: Tenant, statement: LiteralString) -> None:
    """Do what no route does, to the tenant's rows."""
    with psycopg.connect(tenant.gateway.urls.owner) as connection:
        where = " WHERE account_id = %s"
        assert connection.execute(statement + where, (tenant.account_id,)).rowcount == 1


@contextmanager
def without_industries(owner: "psycopg.Connection[Any]") -> Iterator[None]:
    owner.execute("ALTER TABLE industries RENAME TO industries_elsewhere")
    try:
        yield
    finally:
        owner.execute("ALTER TABLE industries_elsewhere RENAME TO industries")


class TestEveryAnswer:
    @pytest.mark.parametrize("path", ["/api/v1/account/", "/api/v1/nowhere/", "/api/docs", "/nowhere"])
    async def test_has_the_security_headers(self, tenant: Tenant, path: str) -> None:
        async with tenant.client() as client:
            headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert ("'unsafe-inline'" in headers["content-security-policy"]) == (path == "/api/docs")

    async def test_that_signs_somebody_in_is_kept_nowhere(self, tenant: Tenant) -> None:
        async with tenant.client() as client:
            assert (await client.get("/api/v1/auth/me/")).headers["cache-control"] == "no-store"
            assert (await client.get("/api/v1/account/")).headers["cache-control"] == "private, no-cache"

    async def test_says_a_fault_of_ours_and_nothing_of_what_it_was(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        with psycopg.connect(gateway.urls.owner, autocommit=True) as owner, without_industries(owner):
            async with tenant.client() as client:
                answer = await client.get("/api/v1/account/industries/")
        assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")
        assert "industries" not in answer.text
