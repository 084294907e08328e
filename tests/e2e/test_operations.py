"""What an operator does and sees: stopping and starting, the doctor's causes, parts of others by their URL."""

import base64
import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from common.contracts.base import SERVICES
from igny8_local import doctor
from igny8_local.stack import Stack
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from psycopg import sql

from tests.e2e.conftest import Shared
from tests.e2e.test_demo import assert_sound
from tests.parts.kafka import RealKafka
from tests.parts.ports import wait_for
from tests.parts.s3 import S3Server
from tests.support.command import igny8, left_behind
from tests.support.database import PostgresServer, postgres_server
from tests.support.product import few_keywords

PASSWORD = "Correct-Horse-7"


def causes(stack: Stack) -> set[str]:
    """What the doctor names, apart from how this checkout was installed."""
    return {problem.cause for problem in doctor.examine(stack)} - {"lock-drift"}


def test_down_and_up_leave_every_digest_as_it_was(shared: Shared) -> None:
    product = shared.product
    stack, place = product.stack, ("--data-dir", product.stack.layout.data_dir)
    product.quiet()
    before = product.digests()
    assert len(before) > 30
    url = product.url
    down = igny8("down", *place)
    assert down.returncode == 0, down.stderr
    assert left_behind(stack.layout.data_dir) == []
    given = {name: value for name, value in stack.environment.items() if name.startswith("IGNY8_")}
    up = igny8("up", *place, "--port", str(stack.plan.port), **given)
    assert up.returncode == 0, up.stderr
    assert url in up.stdout
    product.quiet()
    assert product.digests() == before
    assert shared.client.count("publisher/publications/") == shared.summary["published"]


class TestTheOperator:
    def test_makes_staff_who_then_act_on_any_account(self, shared: Shared) -> None:
        place = ("--data-dir", shared.product.stack.layout.data_dir)
        email, access = sign_up(shared)
        account = shared.client.get("account/")["id"]
        with signed_in(shared, access, acting_for=account) as client:
            assert client.get("/api/v1/planner/keywords/").status_code == 403
            make_staff(shared, email, client)
            assert client.get("/api/v1/planner/keywords/").json()["data"]["count"] > 0
        nobody = igny8("staff", "add", "nobody@example.com", *place)
        assert (nobody.returncode, "register" in nobody.stderr) == (1, True)

    def test_rotates_the_signing_keys_and_signs_nobody_out(self, shared: Shared) -> None:
        place = ("--data-dir", shared.product.stack.layout.data_dir)
        email, old = sign_up(shared)
        done = igny8("keys", "rotate", "--in", "0", "--json", *place)
        assert done.returncode == 0, done.stderr

        kid = json.loads(done.stdout)["kid"]

        def published() -> bool:
            answer = httpx.get(f"{shared.product.url}/.well-known/jwks.json", timeout=30)
            return kid in {key["kid"] for key in answer.json()["keys"]}

        wait_for(published, what="the gateway has seen the new key")
        answer = httpx.post(
            f"{shared.product.url}/api/v1/auth/login/",
            json={"email": email, "password": PASSWORD},
            timeout=30,
        )
        new = answer.raise_for_status().json()["data"]["access"]
        assert json.loads(base64.urlsafe_b64decode(new.partition(".")[0] + "=="))["kid"] == kid
        for access in (old, new):
            with signed_in(shared, access) as client:
                for path in ("planner/keywords/", "writer/tasks/", "billing/credits/balance/"):
                    assert client.get(f"/api/v1/{path}").status_code == 200


def sign_up(shared: Shared) -> tuple[str, str]:
    """E-mail and access token of a new tenant."""
    email = f"{uuid4().hex}@example.com"
    body = {"email": email, "password": PASSWORD, "account_name": "Operator"}
    answer = httpx.post(f"{shared.product.url}/api/v1/auth/register/", json=body, timeout=30)
    return email, answer.raise_for_status().json()["data"]["access"]


def make_staff(shared: Shared, email: str, acting: httpx.Client) -> None:
    added = igny8("staff", "add", email, "--data-dir", shared.product.stack.layout.data_dir)
    assert added.returncode == 0, added.stderr
    wait_for(
        lambda: acting.get("/api/v1/planner/keywords/").status_code == 200, what="the gateway knows of it"
    )


def signed_in(shared: Shared, access: str, *, acting_for: str | None = None) -> httpx.Client:
    acting = {} if acting_for is None else {"X-Act-As-Account": acting_for}
    return httpx.Client(
        base_url=shared.product.url,
        headers={"Authorization": f"Bearer {access}"} | acting,
        timeout=30,
        trust_env=False,
    )


def test_whom_staff_acted_for_says_every_fact_that_came_of_it(shared: Shared, tmp_path: Path) -> None:
    """Of its requests, of the jobs they began, and of what other services did when they heard of it."""
    product = shared.product
    client = product.client()
    account = client.register(
        email=f"{uuid4().hex}@example.com", password=PASSWORD, account_name="In need of help"
    )["account_id"]
    site = client.post("account/sites/", {"name": "Site"})["id"]
    sector = client.post(f"account/sites/{site}/sectors/", {"name": "Sector"})["id"]
    client.close()
    product.quiet()
    query = "SELECT coalesce(max(position), 0) FROM events"
    before = {service: product.scalar(service, query) for service in SERVICES}
    email, access = sign_up(shared)
    asked: set[str] = set()

    def ask(acting: httpx.Client, method: str, path: str, **what: Any) -> Any:
        asked.add(id := f"staff-{uuid4().hex}")
        answer = acting.request(method, f"/api/v1/{path}", headers={"X-Request-ID": id}, **what)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    with signed_in(shared, access, acting_for=account) as acting:
        make_staff(shared, email, acting)
        place = {"site_id": site, "sector_id": sector}
        ask(acting, "POST", "planner/keywords/", json={**place, "keyword": "equipment loans"})
        with few_keywords(tmp_path).open("rb") as file:
            imported = ask(acting, "POST", "planner/keywords/import_csv/", data=place, files={"file": file})
        wait_for(
            lambda: (
                acting.get(f"/api/v1/planner/imports/{imported['task_id']}/").json()["data"]["status"]
                == "completed"
            ),
            what="the import",
        )
        ask(acting, "POST", "planner/keywords/auto_cluster/", json={"sector_id": sector})
        wordpress = {"wp_url": "https://wordpress.example.com", "wp_username": "a", "wp_app_password": "b"}
        ask(acting, "PATCH", f"account/sites/{site}/", json=wordpress)
        own = {"api_key": "sk-own", "is_active": False}
        ask(acting, "PUT", "system/settings/integrations/openai/", json=own)
        product.quiet()
    query = "SELECT type, meta, event_id::text AS id FROM events WHERE account_id = %s AND position > %s"
    came = {service: product.rows(service, query, account, before[service]) for service in SERVICES}
    facts = [fact for of in came.values() for fact in of]
    assert {service for service, of in came.items() if of} >= {"gateway", "planner", "billing", "publisher"}
    types = {fact["type"] for fact in facts}
    assert {
        "KeywordsAdded",
        "ImportFinished",
        "ClustersFormed",
        "CreditsReserved",
        "CreditsDeducted",
    } <= types, types
    assert [fact for fact in facts if fact["meta"].get("on_behalf_of") != account] == []
    # Who it was say the facts of the requests; the others lead there.
    first = {fact["id"] for fact in facts if fact["meta"].get("request_id") in asked}
    staff = {fact["meta"]["actor"] for fact in facts if fact["id"] in first}
    assert len(staff) == 1
    assert staff.pop().startswith("user:")
    assert [
        fact for fact in facts if fact["id"] not in first and fact["meta"].get("correlation_id") not in first
    ] == []


class TestTheDoctor:
    """Causes provoked on the real services; those that need no service are in tests/integration/local."""

    def test_finds_nothing_wrong_with_the_product(self, shared: Shared) -> None:
        wait_for(lambda: causes(shared.product.stack) == set(), what="the doctor is content")

    def test_names_migrations_that_are_behind(self, shared: Shared) -> None:
        change = (
            "UPDATE alembic_version SET version_num = %s RETURNING (SELECT version_num FROM alembic_version)"
        )
        stack = shared.product.stack
        with psycopg.connect(stack.database_url("billing", "owner"), autocommit=True) as connection:
            row = connection.execute(change, ("0001",)).fetchone()
            assert row
            try:
                [problem] = [each for each in doctor.examine(stack) if each.cause != "lock-drift"]
            finally:
                connection.execute(change, row)
        assert problem.cause == "migrations-behind"
        assert "billing" in problem.detail
        assert "--migrate" in problem.remedy

    def test_names_a_stuck_relay(self, shared: Shared) -> None:
        stack = shared.product.stack
        with relay_without_rights(stack, "writer"):
            wait_for(lambda: causes(stack) == {"relay-stuck"}, what="the doctor names the relay")
        wait_for(lambda: causes(stack) == set(), what="the relay has recovered")

    def test_names_a_service_that_is_down(self, shared: Shared) -> None:
        stack = shared.product.stack
        stack.hold("publisher")
        try:
            assert causes(stack) == {"service-down"}
        finally:
            stack.release("publisher")
            stack.wait_ready()

    def test_names_a_taken_port(self, shared: Shared, tmp_path: Path) -> None:
        second = Stack(tmp_path / "second", shared.product.stack.plan.port, {})
        named = [each for each in doctor.examine(second) if each.cause == "port-taken"]
        assert len(named) == len(shared.product.stack.services())
        assert f"process {shared.product.stack.pid('gateway')} " in named[0].detail


@contextmanager
def relay_without_rights(stack: Stack, service: str) -> Iterator[None]:
    """A relay that may no longer read what it should say."""
    role = sql.Identifier(f"igny8_{service}_relay")
    with psycopg.connect(stack.database_url(service, "owner"), autocommit=True) as connection:
        connection.execute(sql.SQL("REVOKE SELECT ON outbox FROM {}").format(role))
        try:
            yield
        finally:
            connection.execute(sql.SQL("GRANT SELECT ON outbox TO {}").format(role))


class Collector:
    """Takes in traces by OTLP over HTTP, and remembers whose they were."""

    def __init__(self) -> None:
        self.services: set[str] = set()
        heard = self.services

        class Traces(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                    for attribute in group.resource.attributes:
                        if attribute.key == "service.name":
                            heard.add(attribute.value.string_value.removeprefix("igny8-"))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                del format, args

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Traces)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    with made.server:
        Thread(target=made.server.serve_forever).start()
        yield made
        made.server.shutdown()


@pytest.mark.kafka
class TestWithPartsOfOthers:
    @pytest.fixture(scope="class")
    @staticmethod
    def kafka() -> Iterator[RealKafka]:
        with RealKafka() as broker:
            yield broker

    @pytest.fixture(scope="class")
    @staticmethod
    def server() -> Iterator[PostgresServer]:
        """Not the one that other tests use: this one is stopped."""
        with postgres_server() as running:
            yield running

    @pytest.fixture(scope="class")
    @staticmethod
    def objects() -> Iterator[S3Server]:
        with S3Server() as running:
            yield running

    def test_the_demo_works_on_them_and_the_doctor_names_each_when_it_is_away(
        self,
        kafka: RealKafka,
        server: PostgresServer,
        objects: S3Server,
        collector: Collector,
        tmp_path: Path,
    ) -> None:
        data_dir = tmp_path / "data"
        others = {
            "IGNY8_DATABASE": server.url,
            "IGNY8_KAFKA": kafka.bootstrap,
            "IGNY8_OTLP_ENDPOINT": collector.url,
            **objects.environment,
        }
        try:
            result = igny8(
                *("demo", "--json", "--keep", "--articles", "2"),
                *("--keywords", few_keywords(tmp_path, 24), "--data-dir", data_dir),
                **others,
            )
            assert result.returncode == 0, result.stderr
            assert_sound(json.loads(result.stdout))
            stack = Stack(data_dir, environment=others)
            assert {part["name"] for part in (stack.state() or {})["parts"]} == {
                each.name for each in stack.services()
            }
            assert not stack.layout.postgres.exists()
            assert len(objects.names()) >= 2 * 2, "an article has a body and pictures"
            assert [path for path in stack.layout.objects.rglob("*") if path.is_file()] == []
            wait_for(lambda: collector.services == set(SERVICES), what="spans of all services have come")
            assert causes(stack) == set()
            kafka.kill()
            wait_for(lambda: "broker-away" in causes(stack), what="the doctor misses the broker")
            kafka.start()
            server.stop()
            wait_for(lambda: "database-away" in causes(stack), what="the doctor misses the database")
        finally:
            down = igny8("down", "--data-dir", data_dir)
        assert down.returncode == 0, down.stderr
        assert left_behind(data_dir) == []
