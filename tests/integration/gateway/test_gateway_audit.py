"""The audit log: an entry before each change, its outcome after it, and nothing in it that should not be."""

import asyncio
import csv
import io
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import httpx
import psycopg
import pytest
from common.auth.identity import Identity
from common.ids import new_id
from gateway.audit.log import AuditLog, Entry, action_of, object_made
from gateway.edge.app import Edge
from gateway.edge.headers import RawHeaders
from gateway.users.sessions import RefreshToken
from starlette.types import Receive, Scope, Send

from tests.integration.gateway.running import PASSWORD, Gateway, Tenant

AUDIT = "/api/v1/account/audit/"
SITES = "/api/v1/account/sites/"
KEYWORDS = "/api/v1/planner/keywords/"


@dataclass
class Service:
    """Stands for the services behind the gateway: looks into the log before it answers."""

    gateway: Gateway
    status: int = 200
    body: bytes = b"{}"
    seen: list[tuple[Any, ...]] = field(default_factory=list)
    error: BaseException | None = None

    async def forward(
        self, scope: Scope, receive: Receive, send: Send, *, service: str, path: str, headers: RawHeaders
    ) -> None:
        del scope, receive, service, path
        request_id = dict(headers)[b"x-request-id"].decode()
        self.seen += stored(self.gateway, request_id)
        if self.error:
            raise self.error
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": self.body})

    async def close(self) -> None:
        pass


@pytest.fixture
def service(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Service:
    made = Service(gateway)
    monkeypatch.setattr(cast("Edge", gateway.app), "_forwarder", made)
    return made


def stored(gateway: Gateway, request_id: str) -> list[tuple[Any, ...]]:
    """What another connection sees, so what is committed."""
    with psycopg.connect(gateway.urls.owner) as connection:
        return connection.execute(
            "SELECT action, actor, status, ip_cipher FROM audit_entries WHERE request_id = %s", (request_id,)
        ).fetchall()


async def entries(tenant: Tenant, **filters: Any) -> list[dict[str, Any]]:
    async with tenant.client() as client:
        response = await client.get(AUDIT, params={"page_size": 100, **filters})
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["data"]["results"]
    return found


class TestAnEntry:
    async def test_is_committed_before_the_change_and_told_how_it_ended(
        self, gateway: Gateway, tenant: Tenant, service: Service
    ) -> None:
        """Whenever the gateway is killed from then on, the entry is there."""
        made = new_id()
        service.status, service.body = 201, f'{{"success": true, "data": {{"id": "{made}"}}}}'.encode()
        async with tenant.client() as client:
            await client.post(KEYWORDS, json={}, headers={"X-Request-ID": "request-one-1"})
        ((action, actor, status, ip_cipher),) = service.seen
        assert (action, actor, status) == ("POST planner/keywords/", f"user:{tenant.user_id}", None)
        assert "192.0.2.1" not in ip_cipher
        (entry,) = await entries(tenant, request_id="request-one-1")
        assert entry["outcome"] == "succeeded"
        assert (entry["status"], entry["object_id"], entry["ip"]) == (201, str(made), "192.0.2.1")
        assert (entry["actor"], entry["on_behalf_of"]) == (f"user:{tenant.user_id}", None)

    async def test_of_a_gateway_that_was_killed_says_that_nobody_knows(
        self, tenant: Tenant, service: Service
    ) -> None:
        service.error = asyncio.CancelledError()
        async with tenant.client() as client:
            with pytest.raises(asyncio.CancelledError):
                await client.delete(f"{KEYWORDS}{(gone := new_id())}/")
        (entry,) = await entries(tenant, object_id=gone)
        assert (entry["outcome"], entry["status"]) == ("unknown", None)
        assert entry["action"] == "DELETE planner/keywords/{id}/"

    @pytest.mark.parametrize(("status", "outcome"), [(204, "succeeded"), (409, "refused"), (500, "failed")])
    async def test_tells_refusals_from_failures(
        self, tenant: Tenant, service: Service, status: int, outcome: str
    ) -> None:
        service.status = status
        async with tenant.client() as client:
            await client.patch(f"{KEYWORDS}{(id := new_id())}/", json={})
        (entry,) = await entries(tenant, outcome=outcome, object_id=id)
        assert entry["status"] == status

    async def test_names_no_object_that_was_not_found(self, tenant: Tenant, service: Service) -> None:
        service.status = 404
        async with tenant.client() as client:
            await client.patch(f"{KEYWORDS}{(foreign := new_id())}/", json={})
        (entry,) = await entries(tenant, action="PATCH planner/")
        assert (entry["outcome"], entry["object_id"]) == ("refused", None)
        assert await entries(tenant, object_id=foreign) == []

    async def test_is_left_by_no_reading_request(self, tenant: Tenant, service: Service) -> None:
        before = await entries(tenant)
        async with tenant.client() as client:
            await client.get(KEYWORDS)
            await client.head(KEYWORDS)
        assert await entries(tenant) == before

    async def test_stops_a_change_that_it_cannot_be_written_for(
        self, gateway: Gateway, tenant: Tenant, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def away(*_: Any) -> None:
            raise psycopg.OperationalError("the database is away")

        audit = gateway.runtime.extras["gateway"].audit
        with monkeypatch.context() as patch:
            patch.setattr(audit, "_write", away)
            async with tenant.client() as client:
                assert (await client.post(KEYWORDS, json={})).status_code == 503
        assert service.seen == []

    async def test_comes_with_what_the_gateway_itself_changes(self, tenant: Tenant) -> None:
        async with tenant.client() as client:
            site = (await client.post(SITES, json={"name": "Shop"})).json()["data"]["id"]
            await client.patch(f"{SITES}{site}/", json={"name": "Store"})
        found = await entries(tenant, object_id=site)
        assert [each["action"] for each in found] == ["PATCH account/sites/{id}/", "POST account/sites/"]

    async def test_is_written_for_each_of_many_at_once(
        self, gateway: Gateway, tenant: Tenant, service: Service
    ) -> None:
        async with tenant.client() as client:
            await asyncio.gather(*(client.post(KEYWORDS, json={}) for _ in range(50)))
        found = await entries(tenant, action="POST planner/keywords/")
        assert len(found) == len(service.seen) == 50
        assert {each["outcome"] for each in found} == {"succeeded"}


class TestAnOutcome:
    async def test_is_nothing_that_an_entry_waits_for(
        self, gateway: Gateway, tenant: Tenant, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        audit, written = gateway.runtime.extras["gateway"].audit, []
        write = audit._write

        async def watched(begun: list[Any], ended: list[Any]) -> None:
            written.append((len(begun), len(ended)))
            await write(begun, ended)

        await audit.flush()
        with monkeypatch.context() as patch:
            patch.setattr(audit, "_write", watched)
            async with tenant.client() as client:
                for _ in range(3):
                    await client.post(KEYWORDS, json={})
            await audit.flush()
        assert [entries for entries, outcomes in written if not outcomes] == [1, 1, 1]
        assert [outcomes for entries, outcomes in written if entries] == [0, 0, 0]
        assert sum(outcomes for _, outcomes in written) == 3

    async def test_that_could_not_be_written_is_written_later(
        self, gateway: Gateway, tenant: Tenant, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        audit = gateway.runtime.extras["gateway"].audit
        write, away = audit._write, [True]

        async def at_first_away(begun: list[Any], ended: list[Any]) -> None:
            if ended and away:
                away.clear()
                raise psycopg.OperationalError("the database is away")
            await write(begun, ended)

        with monkeypatch.context() as patch:
            patch.setattr(audit, "_write", at_first_away)
            async with tenant.client() as client:
                await client.post(KEYWORDS, json={}, headers={"X-Request-ID": "request-late-1"})
            await audit.flush(10)
        assert away == []
        ((_, _, status, _),) = stored(gateway, "request-late-1")
        assert status == 200


class TestSigningIn:
    async def test_leaves_entries_also_where_it_is_refused(self, gateway: Gateway) -> None:
        tenant = await gateway.register()
        async with gateway.client(address="198.51.100.7") as client:
            body = {"email": tenant.email, "password": PASSWORD}
            tokens = (await client.post("/api/v1/auth/login/", json=body)).json()["data"]
            await client.post("/api/v1/auth/login/", json=body | {"password": "Wrong-Horse-7"})
            refresh = await client.post("/api/v1/auth/refresh/", json={"refresh": tokens["refresh"]})
            await client.post("/api/v1/auth/logout/", json={"refresh": refresh.json()["data"]["refresh"]})
            await client.post("/api/v1/auth/refresh/", json={"refresh": tokens["refresh"]})
        found = await entries(tenant, actor=tenant.user_id)
        assert [(each["action"], each["outcome"]) for each in reversed(found)] == [
            ("POST auth/register/", "succeeded"),
            ("POST auth/login/", "succeeded"),
            ("POST auth/login/", "refused"),
            ("POST auth/refresh/", "succeeded"),
            ("POST auth/logout/", "succeeded"),
        ]
        assert {each["ip"] for each in found} == {"192.0.2.1", "198.51.100.7"}

    async def test_with_an_invented_token_leaves_nothing_to_the_account_it_names(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        before = await entries(tenant)
        invented = RefreshToken(tenant.account_id, tenant.user_id, new_id(), b"x" * 32)
        async with gateway.client() as client:
            for route in ("refresh", "logout"):
                await client.post(f"/api/v1/auth/{route}/", json={"refresh": str(invented)})
        assert await entries(tenant) == before


class TestTheLog:
    async def test_is_for_owners_and_admins_of_the_account(self, gateway: Gateway, tenant: Tenant) -> None:
        parts = gateway.runtime.extras["gateway"]
        own = cast("Any", gateway.app)._own
        for role, status in (("admin", 200), ("editor", 403), ("viewer", 403)):
            token = parts.identity.sign(
                Identity(account_id=tenant.account_id, user_id=tenant.user_id, role=role)
            )
            async with httpx.AsyncClient(transport=httpx.ASGITransport(own), base_url="http://own") as client:
                answer = await client.get(AUDIT, headers={"X-Igny8-Identity": token})
            assert answer.status_code == status, role

    async def test_shows_nothing_of_another_tenant(self, gateway: Gateway, tenant: Tenant) -> None:
        other = await gateway.register()
        assert {each["actor"] for each in await entries(other)} == {f"user:{other.user_id}"}
        assert await entries(other, actor=f"user:{tenant.user_id}") == []

    async def test_is_filtered(self, tenant: Tenant) -> None:
        async with tenant.client() as client:
            for name in ("A", "B"):
                await client.post(SITES, json={"name": name})
        newest, older, *_ = await entries(tenant)
        assert [each["id"] for each in await entries(tenant, **{"from": newest["at"]})] == [newest["id"]]
        assert newest["id"] not in {each["id"] for each in await entries(tenant, to=newest["at"])}
        assert [each["id"] for each in await entries(tenant, request_id=older["request_id"])] == [older["id"]]
        assert len(await entries(tenant, action="POST account/")) == 2
        assert await entries(tenant, action="DELETE") == []
        assert await entries(tenant, outcome="failed") == []
        async with tenant.client() as client:
            page = (await client.get(AUDIT, params={"page": 2, "page_size": 1})).json()["data"]
        assert (page["count"], [each["id"] for each in page["results"]]) == (3, [older["id"]])

    async def test_comes_whole_as_csv(self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gateway.audit.api.ROWS_A_QUERY", 2)
        async with tenant.client() as client:
            for n in range(5):
                await client.post(SITES, json={"name": f"S{n}"}, headers={"X-Request-ID": f"-request-{n}"})
            response = await client.get(AUDIT, params={"format": "csv", "action": "POST account/sites/"})
        assert response.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(response.text)))
        listed = await entries(tenant, action="POST account/sites/")
        assert [row["id"] for row in rows] == [each["id"] for each in listed]
        assert [row["request_id"] for row in rows] == [f"'-request-{n}" for n in (4, 3, 2, 1, 0)]
        assert {row["ip"] for row in rows} == {"192.0.2.1"}

    async def test_cannot_be_changed_by_the_service(self, gateway: Gateway, tenant: Tenant) -> None:
        (entry,) = await entries(tenant)
        for statement in (
            "UPDATE audit_entries SET actor = 'nobody'",
            "UPDATE audit_entries SET status = NULL",
            "DELETE FROM audit_entries",
            "TRUNCATE audit_entries",
        ):
            with psycopg.connect(gateway.urls.service) as connection:
                connection.execute("SELECT set_config('app.account_id', %s, true)", (str(tenant.account_id),))
                with pytest.raises(psycopg.Error):
                    connection.execute(statement)
        assert await entries(tenant) == [entry]

    async def test_loses_its_addresses_with_the_accounts_key(self, gateway: Gateway) -> None:
        tenant = await gateway.register()
        with psycopg.connect(gateway.urls.owner) as connection:
            row = connection.execute(
                "SELECT id, ip_cipher FROM audit_entries WHERE account_id = %s", (tenant.account_id,)
            ).fetchone()
        assert row is not None
        audit = AuditLog(gateway.runtime.database, gateway.runtime.secrets)
        await gateway.runtime.secrets.erase(tenant.account_id)
        entry = Entry("POST x/", None, "request", None, "192.0.2.9")
        await audit.begin(entry, tenant.account_id, "user:x")
        with psycopg.connect(gateway.urls.owner) as connection:
            found = connection.execute(
                "SELECT ip_cipher FROM audit_entries WHERE id = %s", (entry.id,)
            ).fetchone()
        assert found == (None,)


@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("/api/v1/account/sites/", "POST account/sites/"),
        (
            "/api/v1/account/sites/0198c5a0-7b1e-7c11-9d3f-2f0f6a1c4e55/restore/",
            "POST account/sites/{id}/restore/",
        ),
        ("/api/v1/account/jane@example.com/", "POST account/{…}/"),
        ("/api/v1/account/Jane Doe/x/", "POST account/{…}/x/"),
        ("/api/v1/" + "x/" * 300, "POST " + "x/" * 97 + "x"),
    ],
)
def test_an_action_has_nothing_that_a_client_made_up(path: str, action: str) -> None:
    assert action_of("POST", path) == action


@pytest.mark.parametrize(
    ("body", "made"),
    [
        (b'{"data": {"task_id": "00000000-0000-7000-8000-000000000001"}}', UUID(int=0x70008000000000000001)),
        (b'{"data": {"id": 5}}', None),
        (b'{"data": [1]}', None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_what_was_made_is_read_from_the_answer(body: bytes, made: UUID | None) -> None:
    assert object_made(body) == made
