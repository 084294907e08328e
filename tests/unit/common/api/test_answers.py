"""Every answer has one shape, its request's id, and says no more than it should."""

from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import UUID

import httpx
import psycopg
import pytest
from common.api.app import REQUEST_ID, make_app
from common.api.envelope import accepted, answer
from common.api.errors import ApiError, conflict, forbidden, not_found, unauthorized, validation
from common.eventsourcing.decider import DomainError
from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

router = APIRouter(prefix="/api/v1/toy")
TASK = UUID(int=5)


class TooMany(DomainError):
    code = "TOO_MANY"


class NothingThere(DomainError):
    code = "NOTHING_THERE"
    status = 404


class Named(BaseModel):
    name: str
    sizes: list[int] = []


FAILURES: dict[str, Exception] = {
    "missing": not_found("Counter", TASK),
    "field": validation("name", "must not be empty"),
    "conflict": conflict("BUSY", "It is being counted."),
    "forbidden": forbidden("Not you."),
    "nobody": unauthorized("Who?"),
    "domain": TooMany("At most 5.", most=5),
    "absent": NothingThere("Not there."),
    "credits": ApiError("INSUFFICIENT_CREDITS", "Too few.", status=402, details={"needed": 2}),
    "bug": RuntimeError("password=hunter2"),
    "shut down": psycopg.errors.AdminShutdown("terminating connection due to administrator command"),
    "nul": psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"),
    "nul in JSON": psycopg.errors.UntranslatableCharacter("unsupported Unicode escape sequence"),
    "number": psycopg.errors.NumericValueOutOfRange("integer out of range"),
    "away": psycopg.OperationalError("the connection to password=hunter2 is lost"),
}


@router.get("/failures/{kind}/")
async def fail(kind: str) -> Response:
    raise FAILURES[kind]


@router.post("/named/")
async def name(body: Named) -> Response:
    return answer(body, status=201, message="Named.")


@router.get("/named/")
async def named() -> Response:
    return answer([])


@router.get("/accepted/")
async def accept() -> Response:
    return accepted(TASK)


@router.get("/cut/")
async def cut() -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("the other half")

    return StreamingResponse(chunks())


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = make_app("toy", (router,))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://toy/api/v1/toy") as client:
        yield client


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("missing", 404, "NOT_FOUND"),
        ("field", 400, "VALIDATION_ERROR"),
        ("conflict", 409, "BUSY"),
        ("forbidden", 403, "FORBIDDEN"),
        ("nobody", 401, "UNAUTHORIZED"),
        ("domain", 409, "TOO_MANY"),
        ("absent", 404, "NOTHING_THERE"),
        ("credits", 402, "INSUFFICIENT_CREDITS"),
        ("bug", 500, "INTERNAL_ERROR"),
        ("shut down", 503, "SERVICE_UNAVAILABLE"),
        ("nul", 400, "VALIDATION_ERROR"),
        ("nul in JSON", 400, "VALIDATION_ERROR"),
        ("number", 500, "INTERNAL_ERROR"),
        ("away", 503, "SERVICE_UNAVAILABLE"),
    ],
)
async def test_every_failure_has_the_envelope(
    client: httpx.AsyncClient, kind: str, status: int, code: str
) -> None:
    failed = await client.get(f"/failures/{kind}/", headers={REQUEST_ID: "abc"})
    body = failed.json()
    assert (failed.status_code, body["success"], body["error_code"]) == (status, False, code)
    assert body["error"]
    assert body["request_id"] == failed.headers[REQUEST_ID] == "abc"
    assert body["timestamp"].endswith("Z")


async def test_a_broken_rule_tells_its_details(client: httpx.AsyncClient) -> None:
    assert (await client.get("/failures/domain/")).json()["details"] == {"most": 5}
    assert "details" not in (await client.get("/failures/absent/")).json()
    assert (await client.get("/failures/credits/")).json()["details"] == {"needed": 2}


async def test_a_field_at_fault_is_named(client: httpx.AsyncClient) -> None:
    body = (await client.get("/failures/field/")).json()
    assert body["errors"] == {"name": ["must not be empty"]}


async def test_an_unexpected_error_tells_nothing_of_the_inside(client: httpx.AsyncClient) -> None:
    text = (await client.get("/failures/bug/")).text
    assert "hunter2" not in text
    assert "RuntimeError" not in text


async def test_a_database_that_is_away_is_worth_asking_again(client: httpx.AsyncClient) -> None:
    answered = await client.get("/failures/away/")
    assert answered.headers["retry-after"] == "1"
    assert "hunter2" not in answered.text


async def test_an_answer_that_breaks_off_is_not_made_to_look_complete() -> None:
    transport = httpx.ASGITransport(make_app("toy", (router,)))
    async with httpx.AsyncClient(transport=transport, base_url="http://toy/api/v1/toy") as client:
        with pytest.raises(RuntimeError, match="the other half"):
            await client.get("/cut/")


async def test_a_body_that_does_not_fit_names_each_field(client: httpx.AsyncClient) -> None:
    refused = await client.post("/named/", json={"sizes": [1, "x"]})
    body = refused.json()
    assert (refused.status_code, body["error_code"]) == (400, "VALIDATION_ERROR")
    assert set(body["errors"]) == {"name", "sizes.1"}
    assert body["error"].startswith("name: ")
    broken = await client.post("/named/", content=b"{", headers={"content-type": "application/json"})
    assert broken.status_code == 400


async def test_what_no_route_answers_has_the_envelope_too(client: httpx.AsyncClient) -> None:
    nowhere = await client.get("/nowhere/")
    assert (nowhere.status_code, nowhere.json()["error_code"]) == (404, "NOT_FOUND")
    wrong = await client.delete("/named/")
    assert (wrong.status_code, wrong.json()["error_code"]) == (405, "METHOD_NOT_ALLOWED")
    assert wrong.headers["allow"] == "GET, POST"


async def test_a_success_has_data_and_message(client: httpx.AsyncClient) -> None:
    made = await client.post("/named/", json={"name": "A"})
    body = made.json()
    assert made.status_code == 201
    assert (body["success"], body["data"], body["message"]) == (True, {"name": "A", "sizes": []}, "Named.")


async def test_accepted_work_says_where_to_look(client: httpx.AsyncClient) -> None:
    taken = await client.get("/accepted/")
    assert (taken.status_code, taken.json()["data"]) == (202, {"task_id": str(TASK)})
    assert taken.headers["location"] == f"/api/v1/system/settings/task_progress/{TASK}/"


@pytest.mark.parametrize("path", ["/accepted", "/accepted/"])
async def test_the_trailing_slash_makes_no_difference(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 202


async def test_each_request_without_an_id_gets_one_of_its_own(client: httpx.AsyncClient) -> None:
    answers = [await client.get("/accepted/") for _ in range(2)]
    ids = [answer.headers[REQUEST_ID] for answer in answers]
    assert ids == [answer.json()["request_id"] for answer in answers]
    assert len({UUID(id) for id in ids}) == 2


def test_what_is_no_json_is_refused_where_it_is_answered() -> None:
    with pytest.raises(TypeError, match="object"):
        answer(cast("Any", object()))
