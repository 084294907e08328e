"""Another tenant sees nothing and changes nothing, on every route of the public API and in every table."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg
import pytest
from common.auth.permissions import ROUTES
from common.auth.tokens import TokenSigner
from common.contracts.base import SERVICES
from gateway.keys import load_keys
from gateway.parts import ACCESS_SECONDS
from igny8_local.demo.client import Client
from psycopg import sql

from tests.e2e.conftest import Shared
from tests.support.product import few_keywords
from tests.support.tenants import SETTINGS, headers_of, known_of, signed_in
from tests.support.walk import (
    CannotFill,
    Known,
    Operation,
    fill,
    foreign_requests,
    operations,
    uuids,
)

STREAM = "GET /api/v1/events/"
QUERIES = {"/api/v1/search/": {"q": "financing"}}
"""What a path cannot be asked without: a word that stands in what every tenant here has."""
NAME_NOTHING = {
    "POST /api/v1/auth/logout-all/",
    "POST /api/v1/auth/change-password/",
    "PATCH /api/v1/account/",
    "PATCH /api/v1/account/modules/",
    "POST /api/v1/account/sites/",
    "POST /api/v1/account/export/",
    "POST /api/v1/account/erase/",
    "POST /api/v1/billing/estimate/",
    "POST /api/v1/notifications/read_all/",
    "PATCH /api/v1/notifications/preferences/",
    "POST /api/v1/system/prompts/",
    "POST /api/v1/system/prompts/reset_to_default/",
    "POST /api/v1/system/author-profiles/",
    *(
        f"{method} /api/v1/system/settings/integrations/{type}/"
        for method in ("PUT", "POST")
        for type in ("openai", "runware", "image_generation")
    ),
    *(
        f"POST /api/v1/system/settings/integrations/{type}/{trial}/"
        for type in ("openai", "runware", "image_generation")
        for trial in ("test_connection", "generate_image")
    ),
    "POST /api/v1/system/settings/integrations/openai/test_openai/",
    "POST /api/v1/system/settings/integrations/runware/test_runware/",
}
"""Whatever is sent there, it can name no object of anybody else."""


@pytest.fixture(scope="module")
def document(shared: Shared) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{shared.product.url}/api/schema/", timeout=30).json()
    # What staff keep belongs to no tenant: all others are refused, whatever they name.
    found["paths"] = {
        path: item for path, item in found["paths"].items() if not path.startswith("/api/v1/admin/")
    }
    return found


@pytest.fixture(scope="module")
def guarded(document: dict[str, Any]) -> list[Operation]:
    """All operations that need a caller."""
    found = list(operations(document))
    assert {str(each) for each in found} >= {*NAME_NOTHING, STREAM}
    return [each for each in found if not public(each)]


def public(operation: Operation) -> bool:
    asked = ROUTES.asked(operation.method.upper(), operation.path)
    return asked is not None and asked.permission == "public"


@pytest.fixture(scope="module")
def other(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Tenant B, who has everything that tenant A has."""
    client = shared.product.client()
    summary = shared.product.run(few_keywords(tmp_path_factory.mktemp("other"), 12), 1, client=client)
    assert summary["problems"] == []
    shared.product.quiet()
    yield client
    client.close()


@pytest.fixture(scope="module")
def as_them(shared: Shared) -> Iterator[httpx.Client]:
    with signed_in(shared.product, headers_of(shared.client)) as http:
        yield http


@pytest.fixture(scope="module")
def as_me(shared: Shared, other: Client) -> Iterator[httpx.Client]:
    with signed_in(shared.product, headers_of(other)) as http:
        yield http


@pytest.fixture(scope="module")
def theirs(shared: Shared, as_them: httpx.Client, document: dict[str, Any]) -> Known:
    return known_of(shared.product, as_them, document)


@pytest.fixture(scope="module")
def mine(shared: Shared, as_me: httpx.Client, document: dict[str, Any]) -> Known:
    return known_of(shared.product, as_me, document)


def pages_of(shared: Shared, client: Client) -> dict[str, str]:
    """The published pages of a tenant, with their content."""
    paths = [urlsplit(each["external_url"]).path for each in client.every("publisher/publications/")]
    return {path: Path(path).read_text() for path in paths}


def facts_of(shared: Shared, client: Client) -> dict[str, int]:
    account = client.get("account/")["id"]
    query = "SELECT count(*) FROM events WHERE account_id = %s"
    return {service: shared.product.scalar(service, query, account) for service in SERVICES}


@pytest.mark.parametrize("credential", ["missing", "expired"])
def test_nobody_is_answered_without_a_token_that_counts(
    shared: Shared, guarded: list[Operation], theirs: Known, document: dict[str, Any], credential: str
) -> None:
    headers = {"Authorization": f"Bearer {expired(shared)}"} if credential == "expired" else {}
    with httpx.Client(base_url=shared.product.url, headers=headers, timeout=30, trust_env=False) as nobody:
        answers = {
            str(each): next(
                (request.send(nobody) for request in foreign_requests(each, document, theirs, theirs)),
                None,
            )
            or nobody.request(each.method, each.path)
            for each in guarded
        }
    assert {name: answer.text for name, answer in answers.items() if answer.status_code != 401} == {}


def expired(shared: Shared) -> str:
    """Tenant A's own access token as it was an hour and a bit ago."""
    payload = shared.client._http.headers["Authorization"].split(".")[1]
    own = json.loads(base64.urlsafe_b64decode(payload + "=="))
    hour_ago = time.time() - ACCESS_SECONDS - 60
    signer = TokenSigner(
        load_keys(shared.product.stack.layout.token_keys).signing,
        issuer=own["iss"],
        audience=own["aud"],
        clock=lambda: hour_ago,
    )
    return signer.sign({name: own[name] for name in ("sub", "account_id", "sid")}, seconds=ACCESS_SECONDS)


def test_every_object_of_another_tenant_is_not_found(
    shared: Shared,
    as_me: httpx.Client,
    guarded: list[Operation],
    document: dict[str, Any],
    mine: Known,
    theirs: Known,
) -> None:
    """One foreign id among own ones is enough, and the answer says that it is this one which is missing."""
    before = facts_of(shared, shared.client)
    folder = pages_of(shared, shared.client)
    wrong: list[str] = []
    without: set[str] = set()
    for operation in guarded:
        try:
            requests = list(foreign_requests(operation, document, mine, theirs))
        except CannotFill as error:
            wrong.append(f"{operation}: {error}")
            continue
        if not requests:
            without.add(str(operation))
        for request in requests:
            answer = request.send(as_me)
            if answer.status_code != 404 or not uuids(answer.text) & request.names:
                wrong.append(f"{request}: {answer.status_code} {answer.text[:300]}")
    assert not wrong, "\n".join(wrong)
    assert {each for each in without if not each.startswith("GET ")} == NAME_NOTHING
    shared.product.quiet()
    assert facts_of(shared, shared.client) == before
    assert pages_of(shared, shared.client) == folder


def test_the_owner_finds_every_object(
    as_them: httpx.Client, guarded: list[Operation], document: dict[str, Any], theirs: Known
) -> None:
    """So that the 404s above are about whose the objects are."""
    wrong = []
    for operation in guarded:
        if operation.method == "get" and "{" in operation.path:
            for request in foreign_requests(operation, document, theirs, theirs):
                answer = request.send(as_them)
                if answer.status_code != 200:
                    wrong.append(f"{request}: {answer.status_code} {answer.text[:300]}")
    assert not wrong, "\n".join(wrong)


@pytest.fixture(scope="module")
def lists(guarded: list[Operation]) -> list[Operation]:
    return [each for each in guarded if each.method == "get" and "{" not in each.path and str(each) != STREAM]


@pytest.mark.parametrize("service", ["planner", "writer"])
def test_what_each_tenant_has_set_reaches_who_works_by_it(
    service: str, shared: Shared, as_me: httpx.Client, as_them: httpx.Client, mine: Known, theirs: Known
) -> None:
    shared.product.quiet()
    for http, known in ((as_me, mine), (as_them, theirs)):
        account = http.get("/api/v1/account/").json()["data"]["id"]
        found = {
            str(row["id"])
            for row in shared.product.rows(
                service,
                "SELECT prompt_id AS id FROM replica_prompts WHERE account_id = %s"
                " UNION ALL SELECT profile_id FROM replica_authors WHERE account_id = %s"
                " UNION ALL SELECT strategy_id FROM replica_strategies WHERE account_id = %s",
                account,
                account,
                account,
            )
        }
        assert found == {known.by_path[path] for path in SETTINGS}


class TestLists:
    def test_hold_nothing_of_another_tenant(
        self, lists: list[Operation], as_me: httpx.Client, mine: Known, theirs: Known
    ) -> None:
        assert len(lists) > 15
        seen: set[str] = set()
        for operation in lists:
            answer = as_me.get(operation.path, params=QUERIES.get(operation.path))
            assert answer.status_code == 200, f"{operation}: {answer.text}"
            assert not uuids(answer.text) & theirs.all, operation
            seen |= uuids(answer.text)
        assert len(seen & mine.all) > 20  # these lists do hold ids

    def test_filtered_by_another_tenants_objects_are_empty(
        self, lists: list[Operation], as_me: httpx.Client, theirs: Known
    ) -> None:
        asked = 0
        for operation in lists:
            for name in operation.query_ids:
                query = {name: theirs.by_name[name], **QUERIES.get(operation.path, {})}
                answer = as_me.get(operation.path, params=query)
                assert answer.status_code in (200, 404), f"{operation}: {answer.text}"
                assert not uuids(answer.text) & theirs.all - {theirs.by_name[name]}, operation
                if answer.status_code == 200 and "json" in answer.headers["content-type"]:
                    assert not answer.json()["data"].get("results"), operation
                asked += 1
        assert asked > 20


@pytest.fixture(scope="module")
def editor(shared: Shared, as_them: httpx.Client, theirs: Known) -> Iterator[httpx.Client]:
    """An editor of tenant A, invited to a new site of its own, which is none of `theirs`."""
    site = as_them.post("/api/v1/account/sites/", json={"name": "Another"}).json()["data"]["id"]
    email = f"{uuid4().hex}@example.com"
    invitation = {"email": email, "role": "editor", "site_ids": [site]}
    assert as_them.post("/api/v1/account/invitations/", json=invitation).status_code == 201

    body = {"token": shared.product.mailed_token(email), "password": "Correct-Horse-7"}
    made = as_them.post("/api/v1/auth/invitations/accept/", json=body).json()["data"]
    headers = {"Authorization": f"Bearer {made['access']}"}
    with httpx.Client(base_url=shared.product.url, headers=headers, timeout=30, trust_env=False) as http:
        yield http


class TestAnEditorOfOneSite:
    def test_sees_nothing_of_the_others_in_any_service(
        self, guarded: list[Operation], editor: httpx.Client, as_them: httpx.Client, theirs: Known
    ) -> None:
        account = as_them.get("/api/v1/account/").json()["data"]["id"]
        hidden = theirs.all - {account}
        asked = 0
        for operation in guarded:
            if operation.method != "get" or str(operation) == STREAM:
                continue
            if operation.path.startswith(tuple(SETTINGS)):
                continue  # of the account as a whole
            answer = editor.get(fill(operation.path, theirs), params=QUERIES.get(operation.path))
            permission = ROUTES.asked("GET", operation.path)
            assert permission is not None
            if permission.permission not in ("read", "self"):
                assert answer.status_code == 403, f"{operation}: {answer.text}"
            elif "{" in operation.path:
                assert answer.status_code == 404, f"{operation}: {answer.text}"
            else:
                assert answer.status_code == 200, f"{operation}: {answer.text}"
                assert not uuids(answer.text) & hidden, operation
            asked += 1
        assert asked > 30

    def test_sees_one_once_it_is_granted(
        self, shared: Shared, editor: httpx.Client, as_them: httpx.Client, theirs: Known
    ) -> None:
        user_id = editor.get("/api/v1/auth/me/").json()["data"]["id"]
        path = f"/api/v1/account/users/{user_id}/sites/"
        granted = {"site_ids": [theirs.by_path["/api/v1/account/sites/"]]}
        lists = ("planner/keywords", "writer/content", "publisher/publications", "automation/runs")
        seen = {
            each: [
                http.get(f"/api/v1/{each}/").json()["data"]["count"]
                for http in (editor, as_them)
                if as_them.put(path, json=granted).status_code == 200
            ]
            for each in lists
        }
        assert all(mine == all_of_them > 0 for mine, all_of_them in seen.values()), seen

    def test_publishes_where_the_site_lets_its_editors(
        self, editor: httpx.Client, as_them: httpx.Client, theirs: Known
    ) -> None:
        """After the grant above: what it sees and may not change is forbidden, and no more than that site is opened."""
        site = f"/api/v1/account/sites/{theirs.by_path['/api/v1/account/sites/']}/"
        integration = (
            f"/api/v1/integration/integrations/{theirs.by_path['/api/v1/integration/integrations/']}/"
        )
        content = f"/api/v1/writer/content/{theirs.by_path['/api/v1/writer/content/']}/"

        def asked() -> list[tuple[int, str | None]]:
            answers = (
                editor.post(f"{integration}test-connection/", json={}),
                editor.post(f"{content}reject/", json={"reason": "It is out already."}),
            )
            return [(each.status_code, each.json().get("error_code")) for each in answers]

        assert asked() == [(403, "FORBIDDEN")] * 2
        assert as_them.patch(site, json={"editors_approve": True}).status_code == 200
        assert asked() == [(200, None), (409, "INVALID_TRANSITION")]
        assert as_them.patch(site, json={"editors_approve": False}).status_code == 200
        assert asked() == [(403, "FORBIDDEN")] * 2


def test_live_updates_tell_of_ones_own_things_only(
    shared: Shared, as_me: httpx.Client, theirs: Known
) -> None:
    account = as_me.get("/api/v1/account/").json()["data"]["id"]
    recorded = shared.product.scalar(
        "gateway", "SELECT count(*) FROM live_events WHERE account_id = %s", account
    )
    assert recorded > 10
    heard: list[str] = []
    with as_me.stream("GET", "/api/v1/events/", headers={"Last-Event-ID": "0"}) as stream:
        for line in stream.iter_lines():
            heard.append(line)
            if sum(each.startswith("id:") for each in heard) == recorded and line == "":
                break
    assert uuids("".join(heard))
    assert not uuids("".join(heard)) & theirs.all


@pytest.mark.parametrize("service", SERVICES)
def test_sql_without_a_tenant_sees_no_row(service: str, shared: Shared) -> None:
    tables = [
        row["name"]
        for row in shared.product.rows(
            service,
            "SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE a.attname = 'account_id' AND c.relkind IN ('r', 'p', 'v', 'm')"
            " AND c.relnamespace = 'public'::regnamespace ORDER BY 1",
        )
    ]
    assert "events" in tables
    filled = [name for name in tables if shared.product.scalar(service, f"SELECT count(*) FROM {name}")]
    assert len(filled) >= 4, filled
    with psycopg.connect(shared.product.stack.database_url(service), autocommit=True) as connection:
        for name in tables:
            try:
                count = connection.execute(
                    sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))
                ).fetchone()
            except psycopg.errors.InsufficientPrivilege:
                continue
            assert count == (0,), name


def test_an_image_is_public_by_its_id_alone(shared: Shared, theirs: Known) -> None:
    image = theirs.by_name["image_id"]
    answer = httpx.get(f"{shared.product.url}/api/v1/writer/images/{image}/file/")
    assert (answer.status_code, answer.headers["content-type"].split("/")[0]) == (200, "image")


def test_a_tenants_folder_of_pages_is_its_own(shared: Shared, other: Client) -> None:
    them, me = (pages_of(shared, client) for client in (shared.client, other))
    assert them
    assert me
    assert not {Path(each).parent for each in them} & {Path(each).parent for each in me}
