"""ETags, what a change may be made to depend on, chosen fields, and bodies of another kind."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from common.api.app import make_app
from common.api.conditional import etag, expected_versions, require_version
from common.api.envelope import answer
from common.api.errors import ApiError
from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel

router = APIRouter(prefix="/api/v1/toy")
shown: dict[str, Any] = {"id": 1, "version": 3, "name": "crane", "count": 0}


class Shown(BaseModel):
    id: int
    version: int


@router.get("/one/")
async def one() -> Response:
    return answer(shown)


@router.get("/model/")
async def model() -> Response:
    return answer(Shown(id=1, version=4))


@router.get("/many/")
async def many() -> Response:
    return answer({"count": 1, "next": None, "previous": None, "results": [shown, Shown(id=2, version=1)]})


@router.post("/named/")
async def named(body: Shown) -> Response:
    return answer(body)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_app("toy", (router,)), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://toy/api/v1/toy") as client:
        yield client


async def test_a_resource_carries_its_version_and_a_list_none(client: httpx.AsyncClient) -> None:
    assert (await client.get("/one/")).headers["etag"].startswith('"3-')
    assert (await client.get("/model/")).headers["etag"].startswith('"4-')
    assert "etag" not in (await client.get("/many/")).headers


async def test_what_the_client_has_is_not_sent_again(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = (await client.get("/one/")).headers["etag"]
    for given in (known, f'"0-aa", W/{known}', "*"):
        again = await client.get("/one/", headers={"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b""), given
        assert again.headers["etag"] == known
        assert "content-length" not in again.headers
    monkeypatch.setitem(shown, "count", 1)  # counted along, without a version of its own
    changed = await client.get("/one/", headers={"If-None-Match": known})
    assert (changed.status_code, changed.json()["data"]["count"]) == (200, 1)


@pytest.mark.parametrize(
    ("method", "given", "expected"),
    [
        ("PATCH", None, None),
        ("PATCH", "*", None),
        ("GET", '"3"', None),
        ("POST", '"3"', None),
        ("PUT", '"3"', {3}),
        ("DELETE", etag(3, b"{}"), {3}),
        ("PATCH", '"3-aa-gzip", "4"', {3, 4}),
        ("PATCH", 'W/"3"', set()),
        ("PATCH", "3", set()),
        ("PATCH", '"three"', set()),
        ("PATCH", "", set()),
    ],
)
def test_the_versions_a_change_depends_on(method: str, given: str | None, expected: set[int] | None) -> None:
    assert expected_versions(method, given) == expected


def test_another_version_is_refused_and_named() -> None:
    require_version(3, None)
    require_version(3, {3})
    for expected in (frozenset({2, 4}), frozenset[int]()):
        with pytest.raises(ApiError) as refused:
            require_version(3, expected)
        assert (refused.value.status, refused.value.code) == (412, "PRECONDITION_FAILED")
        assert refused.value.details == {"version": 3}


async def test_only_the_fields_that_are_asked_for(client: httpx.AsyncClient) -> None:
    async def data(path: str) -> Any:
        return (await client.get(path)).json()["data"]

    assert await data("/one/?fields=name,%20id,nothing") == {"id": 1, "name": "crane"}
    assert await data("/model/?fields=id") == {"id": 1}
    listed = await data("/many/?fields=version")
    assert (listed["count"], listed["results"]) == (1, [{"version": 3}, {"version": 1}])
    assert await data("/one/?fields=") == shown
    assert await data("/one/") == shown, "the choice of one request is none of the next"


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"id": 1, "version": 1}', "application/json", 200),
        (b'{"id": 1, "version": 1}', "application/merge-patch+json; charset=utf-8", 200),
        (b'{"id": 1, "version": 1}', "text/plain", 415),
        (b"id=1&version=1", "application/x-www-form-urlencoded", 415),
        (b"<id/>", "", 415),
        (b"", "", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
    ],
)
async def test_a_body_that_is_no_json_is_told_from_one_that_is_wrong(
    client: httpx.AsyncClient, content: bytes, kind: str, status: int
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answered = await client.post("/named/", content=content, headers=headers)
    assert answered.status_code == status, answered.text
    if status == 415:
        assert answered.json()["error_code"] == "UNSUPPORTED_MEDIA_TYPE"
