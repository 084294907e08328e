"""Every operation of the running product with every kind of credential: who is let in is what the tables say.

That the tables are the checks is shown without a gateway for every role and scope (tests/architecture/test_permissions.py);
here they are asked by those who have signed in, or hold a key.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import httpx
import jsonschema
import pytest
from common.auth.permissions import ROUTES, Permission, Scope, key_may, may

from tests.e2e.conftest import Shared
from tests.parts.ports import wait_for
from tests.support.product import few_keywords
from tests.support.tenants import (
    PASSWORD,
    SETTINGS,
    headers_of,
    known_of,
    signed_in,
    some_email,
    staff_headers,
)
from tests.support.walk import PARAMETER, Known, Operation, fill, foreign_requests, operations, own_request

Json = Any
SIGNS_OUT = "POST /api/v1/auth/logout-all/"
NOWHERE = "00000000-0000-7000-8000-0000000000aa"
KEYS = "/api/v1/auth/api-keys/"
REFUSED = (403, "FORBIDDEN")
AT_ONCE = 12
SCOPES: tuple[str, ...] = get_args(Scope)
FOR_ALL_SITES = (*SETTINGS, "/api/v1/system/request-metrics/")
"""What belongs to the account as a whole: no site's key is refused it."""


@dataclass(frozen=True)
class Stage:
    """A tenant who has had a run made, and its owner."""

    shared: Shared
    document: dict[str, Json]
    headers: dict[str, str]
    owner: httpx.Client
    known: Known

    @property
    def site(self) -> str:
        return self.known.by_path["/api/v1/account/sites/"]

    def member(self, role: str) -> dict[str, str]:
        """Headers of somebody new with that role, who may see the site."""
        email = some_email()
        invitation = {"email": email, "role": role, "site_ids": [] if role == "admin" else [self.site]}
        made = self.owner.post("/api/v1/account/invitations/", json=invitation)
        assert made.status_code == 201, made.text
        body = {"token": self.shared.product.mailed_token(email), "password": PASSWORD}
        accepted = self.owner.post("/api/v1/auth/invitations/accept/", json=body)
        return {"Authorization": f"Bearer {accepted.json()['data']['access']}"}

    def key(self, *scopes: str, **fields: Json) -> tuple[str, dict[str, str]]:
        """A new key's id, and its header."""
        made = self.owner.post(KEYS, json={"name": "Walk", "scopes": scopes, **fields})
        assert made.status_code == 201, made.text
        data = made.json()["data"]
        return data["id"], {"X-API-Key": data["key"]}


@pytest.fixture(scope="module")
def stage(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    client = shared.product.client()
    summary = shared.product.run(few_keywords(tmp_path_factory.mktemp("walk"), 8), 1, client=client)
    assert summary["problems"] == []
    shared.product.quiet()
    headers = headers_of(client)
    client.close()
    with signed_in(shared.product, headers) as http:
        document = http.get("/api/schema/").json()
        paths = {path: item for path, item in document["paths"].items() if "/admin/" not in path}
        known = known_of(shared.product, http, {**document, "paths": paths})
        yield Stage(shared, document, headers, http, known)
    shared.product.quiet()


def permission_of(operation: Operation) -> Permission:
    asked = ROUTES.asked(operation.method.upper(), operation.path)
    assert asked is not None
    return asked.permission


@pytest.fixture(scope="module")
def guarded(stage: Stage) -> list[Operation]:
    """All operations that need somebody, but the one after which its caller is nobody."""
    found = [each for each in operations(stage.document) if permission_of(each) != "public"]
    assert len(found) > 200
    return [each for each in found if str(each) != SIGNS_OUT]


Told = tuple[int, str | None]


async def told(stage: Stage, headers: dict[str, str], asked: list[Operation]) -> dict[str, Told]:
    """Status and error code of requests that name nothing, and whose body fits nowhere: who is let in changes nothing."""
    turns = asyncio.Semaphore(AT_ONCE)
    url = stage.shared.product.url
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60, trust_env=False) as http:

        async def ask(operation: Operation) -> Told:
            path = PARAMETER.sub(NOWHERE, operation.path)
            body: list[Json] | None = [] if operation.method in ("post", "put", "patch") else None
            async with turns, http.stream(operation.method, path, json=body) as answer:
                if answer.status_code < 400:
                    return answer.status_code, None  # the stream of news would not end
                await answer.aread()
                return answer.status_code, answer.json()["error_code"]

        answers = await asyncio.gather(*(ask(each) for each in asked))
    return {str(operation): answer for operation, answer in zip(asked, answers, strict=True)}


def against_the_table(
    answers: dict[str, Told], asked: list[Operation], allowed: Callable[[Permission], bool]
) -> dict[str, Told]:
    """Those that were let in, or kept out, and should not."""
    return {
        str(each): answer
        for each in asked
        if (answer := answers[str(each)])
        and ((answer[0] in (401, 403)) if allowed(permission_of(each)) else answer != REFUSED)
    }


@pytest.mark.parametrize("role", ["admin", "editor", "viewer"])
async def test_who_is_signed_in_may_what_the_table_of_roles_says(
    stage: Stage, guarded: list[Operation], role: str
) -> None:
    headers = stage.member(role)
    answers = await told(stage, headers, guarded)
    assert against_the_table(answers, guarded, lambda permission: may(role, permission)) == {}
    with signed_in(stage.shared.product, headers) as http:
        assert http.post(SIGNS_OUT.partition(" ")[2]).status_code == 200
        assert http.get("/api/v1/auth/me/").status_code == 401


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_key_may_what_the_table_of_scopes_says(
    stage: Stage, guarded: list[Operation], scope: str
) -> None:
    answers = await told(stage, stage.key(scope)[1], guarded)
    assert against_the_table(answers, guarded, lambda permission: key_may((scope,), permission)) == {}


@pytest.mark.parametrize("kind", ["revoked", "expired"])
async def test_a_key_that_has_ended_may_nothing(stage: Stage, guarded: list[Operation], kind: str) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    id, headers = stage.key(*SCOPES, **({"expires_at": soon} if kind == "expired" else {}))
    if kind == "revoked":
        assert stage.owner.delete(f"{KEYS}{id}/").status_code == 204
    with signed_in(stage.shared.product, headers) as http:
        wait_for(lambda: http.get("/api/v1/account/").status_code == 401, what="the key has ended")
    answers = await told(stage, headers, guarded)
    assert {name: answer for name, answer in answers.items() if answer != (401, "UNAUTHORIZED")} == {}


async def test_a_key_of_one_site_finds_nothing_of_the_others(stage: Stage, guarded: list[Operation]) -> None:
    """Neither where the path names it nor where the body does."""
    elsewhere = stage.owner.post("/api/v1/account/sites/", json={"name": "Elsewhere"}).json()["data"]["id"]
    _, headers = stage.key(*SCOPES, site_ids=[elsewhere])
    asked, wrong = 0, []
    with signed_in(stage.shared.product, headers) as http:
        for operation in guarded:
            if "/admin/" in operation.path or operation.path.startswith(FOR_ALL_SITES):
                continue
            allowed = key_may(SCOPES, permission_of(operation))
            for request in foreign_requests(operation, stage.document, stage.known, stage.known):
                asked += 1
                answer = request.send(http)
                if answer.status_code != (404 if allowed else 403):
                    wrong.append(f"{request}: {answer.status_code} {answer.text[:200]}")
    assert wrong == []
    assert asked > 80


def test_an_editor_approves_where_the_site_lets_it(stage: Stage, guarded: list[Operation]) -> None:
    headers = stage.member("editor")
    site = f"/api/v1/account/sites/{stage.site}/"
    approving = [each for each in guarded if permission_of(each) == "approve"]
    assert len(approving) >= 6
    with signed_in(stage.shared.product, headers) as http:

        def ask() -> dict[str, Told]:
            answers = {
                str(each): own_request(each, stage.document, stage.known).send(http) for each in approving
            }
            return {name: (each.status_code, each.json().get("error_code")) for name, each in answers.items()}

        assert set(ask().values()) == {REFUSED}
        assert stage.owner.patch(site, json={"editors_approve": True}).status_code == 200
        let_in = ask()
        assert {name: answer for name, answer in let_in.items() if answer[0] in (400, 401, 403, 404)} == {}
        assert stage.owner.patch(site, json={"editors_approve": False}).status_code == 200
        assert set(ask().values()) == {REFUSED}


def body_of(stage: Stage, operation: Operation, known: Known) -> dict[str, Json]:
    """One that is done where it can be made up; what staff keep is for all tenants, and stays as it is."""
    form = operation.body is not None and operation.body[0].startswith("multipart/")
    if "/admin/" in operation.path and not form:
        return {"json": {}}
    try:
        return own_request(operation, stage.document, known).content
    except jsonschema.ValidationError:
        return {"json": {}}


def test_every_post_has_one_answer_under_one_key(stage: Stage) -> None:
    """The same request again is not done again; another one is refused. (Where nobody is signed in there are no keys.)"""
    for_staff = Known(by_path={"/api/v1/admin/plans/": "growth"})
    asked, done, wrong = 0, 0, []
    staff = signed_in(stage.shared.product, staff_headers(stage.shared.product))
    owner = signed_in(stage.shared.product, stage.headers)
    with staff, owner:
        for operation in operations(stage.document):
            if (
                operation.method != "post"
                or permission_of(operation) == "public"
                or str(operation) == SIGNS_OUT
            ):
                continue
            http, known = (staff, for_staff) if "/admin/" in operation.path else (owner, stage.known)
            path, body = fill(operation.path, known), body_of(stage, operation, known)
            key = {"Idempotency-Key": f"once {operation}"}
            first, again = [http.post(path, **body, headers=key) for _ in range(2)]
            other = http.post(path, json={"another": "body"}, headers=key)
            asked += 1
            done += first.is_success
            names = {each.json()["request_id"] for each in (first, again)}
            if len(names) != 1 or again.headers.get("Idempotency-Replayed") != "true":
                wrong.append(f"{operation}: {first.status_code} {first.text[:200]}, then {again.status_code}")
            if (other.status_code, other.json()["error_code"]) != (422, "IDEMPOTENCY_KEY_REUSED"):
                wrong.append(f"{operation}: another body gets {other.status_code} {other.text[:200]}")
    assert wrong == []
    assert asked > 60
    assert done > 25
