"""The tables of permissions are the checks: every route of the product, with every role and scope of an API key."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import httpx
import pytest
from common.auth import permissions
from common.auth.identity import HEADER, Identity, IdentitySigner, IdentityVerifier
from common.auth.permissions import ROUTES, Permission, Role, Scope, key_may, may
from common.ids import new_id
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from joserfc.jwk import KeySet, OKPKey

from tests.support.routes import BEGAN, Sent, apps, every_request

pytestmark = pytest.mark.usefixtures("uncounted")  # the same few lines for each of some thousand requests

KEY = Ed25519PrivateKey.generate()
SIGNER = IdentitySigner(KEY)
LET_IN = (BEGAN, 200, 400)
"""The route began, or began to stream its answer, or found fault with the empty body: all that comes after the check."""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FastAPI]:
    jwks = tmp_path_factory.mktemp("keys") / "jwks.json"
    jwks.write_text(json.dumps(KeySet([OKPKey.import_key(KEY)]).as_dict()))
    return apps(IdentityVerifier(str(jwks)))


@pytest.fixture(scope="module")
def requests(services: dict[str, FastAPI]) -> list[Sent]:
    found = list(every_request(services))
    assert len(found) > 70
    return found


def asked(request: Sent) -> Permission:
    found = ROUTES.asked(request.method, request.path)
    assert found is not None, f"{request.name} has no row in common/auth/permissions.py"
    return found.permission


async def statuses(
    services: dict[str, FastAPI], requests: list[Sent], token: str | None
) -> Iterator[tuple[Sent, int]]:
    answered = []
    headers = {} if token is None else {HEADER: token}
    for name, app in services.items():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as http:
            for request in requests:
                if request.service == name:
                    body: dict[str, str] | None = {} if request.method in ("POST", "PUT", "PATCH") else None
                    answer = await http.request(request.method, request.path, json=body)
                    answered.append((request, answer.status_code))
    assert len(answered) == len(requests)
    return iter(answered)


def wrong(answered: Iterator[tuple[Sent, int]], allowed: dict[Permission, bool]) -> list[str]:
    """What was let in or kept out against the table."""
    found = []
    for request, status in answered:
        permission = asked(request)
        fine = permission == "public" or (status in LET_IN if allowed[permission] else status == 403)
        if not fine:
            found.append(f"{request.name} asks for {permission}: {status}")
    return found


def test_every_route_has_a_row(requests: list[Sent]) -> None:
    for request in requests:
        asked(request)


@pytest.mark.parametrize("role", [*get_args(Role), "anonymous"])
async def test_a_role_may_what_the_tables_say(
    services: dict[str, FastAPI], requests: list[Sent], role: str
) -> None:
    token = SIGNER.sign(Identity(account_id=new_id(), user_id=new_id(), role=role))
    allowed = {permission: may(role, permission) for permission in get_args(Permission)}
    assert wrong(await statuses(services, requests, token), allowed) == []


@pytest.mark.parametrize("scope", [*get_args(Scope), "unknown"])
async def test_a_scope_may_what_the_tables_say_whatever_its_role(
    services: dict[str, FastAPI], requests: list[Sent], scope: str
) -> None:
    identity = Identity(account_id=new_id(), api_key_id=new_id(), role="owner", scopes=(scope,))
    allowed = {permission: key_may((scope,), permission) for permission in get_args(Permission)}
    assert wrong(await statuses(services, requests, SIGNER.sign(identity)), allowed) == []


@pytest.mark.parametrize("kind", ["missing", "expired", "public", "forged"])
async def test_nobody_may_anything(services: dict[str, FastAPI], requests: list[Sent], kind: str) -> None:
    identity = Identity(account_id=new_id(), user_id=new_id(), role="owner")
    token = {
        "missing": None,
        "expired": SIGNER.sign(identity, seconds=-120),
        "public": SIGNER.sign(Identity(account_id=new_id(), role="owner", route="auth/login/")),
        "forged": IdentitySigner(Ed25519PrivateKey.generate()).sign(identity),
    }[kind]
    let_in = [
        f"{request.name}: {status}"
        for request, status in await statuses(services, requests, token)
        if status != 401 and asked(request) != "public"
    ]
    assert let_in == []


def test_the_page_says_what_the_tables_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert permissions.main(["--check"]) is None
    monkeypatch.setattr(permissions, "PAGE", permissions.REPOSITORY / "README.md")
    assert "make permissions" in str(permissions.main(["--check"]))
    monkeypatch.setattr(permissions, "PAGE", tmp_path / "page.md")
    permissions.main([])
    assert (tmp_path / "page.md").read_text() == permissions.page()
