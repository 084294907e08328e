"""What a caller hears when the gateway itself cannot go on."""

from typing import Any, cast

import httpx
import psycopg
import pytest
from gateway.edge.app import Edge
from starlette.types import Receive, Scope, Send


class Broken:
    """Callers whose database is not what it was."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def identify(self, authorization: str, request_id: str) -> None:
        raise self._error


async def half(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError("the other half")


class Signer:
    def sign(self, identity: object) -> str:
        return "signed"


def edge(error: Exception) -> httpx.AsyncClient:
    app = Edge(half, cast("Any", Broken(error)), cast("Any", Signer()), *(cast("Any", None),) * 7)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (psycopg.errors.AdminShutdown("password=hunter2"), 503, "SERVICE_UNAVAILABLE"),
        (psycopg.OperationalError("password=hunter2"), 503, "SERVICE_UNAVAILABLE"),
        (RuntimeError("password=hunter2"), 500, "INTERNAL_ERROR"),
    ],
)
async def test_what_goes_wrong_before_a_route_has_the_envelope(
    error: Exception, status: int, code: str
) -> None:
    async with edge(error) as client:
        answered = await client.get("/api/v1/planner/keywords/", headers={"x-request-id": "abcdefgh"})
    assert (answered.status_code, answered.json()["error_code"]) == (status, code)
    assert answered.headers["x-request-id"] == answered.json()["request_id"] == "abcdefgh"
    assert "hunter2" not in answered.text


async def test_an_answer_that_breaks_off_is_not_made_to_look_complete() -> None:
    async with edge(RuntimeError("never asked")) as client:
        with pytest.raises(RuntimeError, match="the other half"):
            await client.get("/docs")
