"""Services that are slow, busy, away or break off, and clients that leave: what each side hears of the other, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from gateway.edge import breaker, forwarder
from gateway.edge.breaker import FAILURES, OPEN_SECONDS

from tests.integration.gateway.upstream import CHUNK, Running, Upstream, answering
from tests.parts.ports import DEADLINE, free_port

KEYWORDS = "/api/v1/planner/keywords/"
HANG = "/api/v1/planner/hang/"


async def refused(client: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    """Status and code of a refusal, which has to be in the envelope."""
    async with client.get(path) as response:
        body: dict[str, Any] = await response.json()
    assert response.headers["Content-Type"].startswith("application/json")
    assert (body["success"], bool(body["error"])) == (False, True)
    assert body["request_id"] == response.headers["X-Request-ID"]
    return response.status, body["error_code"]


async def status(client: aiohttp.ClientSession, path: str) -> int:
    async with client.get(path) as response:
        await response.read()
    return response.status


async def comes(event: asyncio.Event) -> None:
    async with asyncio.timeout(DEADLINE):
        await event.wait()


class TestASlowService:
    async def test_is_given_up_in_the_envelope_and_told_so(
        self, edge: Running, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(forwarder, "SILENCE_SECONDS", 0.2)
        async with (
            edge.another() as url,
            aiohttp.ClientSession(url, headers=edge.headers) as impatient,
        ):
            assert await refused(impatient, HANG) == (504, "GATEWAY_TIMEOUT")
            await comes(edge.upstream.aborted)

    async def test_that_falls_silent_in_its_answer_cuts_it_short(
        self, edge: Running, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(forwarder, "SILENCE_SECONDS", 1.0)  # its beginning has to come within that
        async with (
            edge.another() as url,
            aiohttp.ClientSession(url, headers=edge.headers) as impatient,
            impatient.get("/api/v1/planner/download/") as response,
        ):
            assert response.status == 200
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
            await comes(edge.upstream.aborted)


class TestABusyService:
    async def test_is_said_to_be_busy_until_there_is_room(
        self, edge: Running, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(forwarder, "CONNECTIONS_PER_SERVICE", 1)
        monkeypatch.setattr(
            forwarder, "QUEUE_SECONDS", -1.0
        )  # one second of the two for a connection is left
        async with (
            edge.another() as url,
            aiohttp.ClientSession(url, headers=edge.headers) as many,
        ):
            longest = asyncio.ensure_future(status(many, HANG))
            await comes(edge.upstream.first_chunk)
            async with many.get(KEYWORDS) as response:
                body = await response.json()
            assert (response.status, body["error_code"]) == (503, "SERVICE_UNAVAILABLE")
            assert (response.headers["Retry-After"], "too busy" in body["error"]) == ("1", True)
            longest.cancel()
            await comes(edge.upstream.aborted)
            assert await status(many, KEYWORDS) == 200


class TestAServiceThatBreaksOff:
    async def test_before_its_answer_is_a_bad_gateway(
        self, edge: Running, client: aiohttp.ClientSession
    ) -> None:
        assert await refused(client, "/api/v1/planner/broken/answer/") == (502, "BAD_GATEWAY")
        assert await status(client, KEYWORDS) == 200

    @pytest.mark.parametrize("before", ["end", "length"])
    async def test_in_its_answer_is_never_taken_for_a_whole_one(
        self, edge: Running, client: aiohttp.ClientSession, before: str
    ) -> None:
        async with client.get(f"/api/v1/planner/broken/{before}/") as response:
            assert await response.content.readexactly(len(CHUNK)) == CHUNK
            edge.upstream.release.set()
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
        assert await status(client, KEYWORDS) == 200


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


class TestAServiceThatWasAway:
    async def test_is_tried_once_in_a_while_and_asked_again_when_it_is_back(
        self, edge: Running, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock, port = Clock(), free_port()
        monkeypatch.setattr(breaker, "monotonic", clock)
        away, open_ = (502, "BAD_GATEWAY"), (503, "SERVICE_UNAVAILABLE")
        async with (
            edge.another(f"planner=http://127.0.0.1:{port}") as url,
            aiohttp.ClientSession(url, headers=edge.headers) as client,
        ):
            assert [await refused(client, KEYWORDS) for _ in range(FAILURES)] == [away] * FAILURES
            assert [await refused(client, KEYWORDS) for _ in range(2)] == [open_] * 2
            clock.now += OPEN_SECONDS
            assert [await refused(client, KEYWORDS) for _ in range(2)] == [away, open_]
            async with answering(Upstream().app(), port):
                assert await refused(client, KEYWORDS) == open_, "nobody has tried yet"
                clock.now += OPEN_SECONDS
                assert [await status(client, KEYWORDS) for _ in range(FAILURES)] == [200] * FAILURES


class TestAClientThatLeaves:
    async def test_while_it_waits_stops_the_service(
        self, edge: Running, client: aiohttp.ClientSession
    ) -> None:
        request = asyncio.ensure_future(client.get(HANG))
        await comes(edge.upstream.first_chunk)
        request.cancel()
        await comes(edge.upstream.aborted)

    async def test_in_the_middle_of_its_upload_stops_the_service(
        self, edge: Running, client: aiohttp.ClientSession
    ) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield CHUNK
            await asyncio.Event().wait()

        request = asyncio.ensure_future(client.post("/api/v1/planner/keywords/import_csv/", data=body()))
        await comes(edge.upstream.first_chunk)
        request.cancel()
        await comes(edge.upstream.aborted)
        assert edge.upstream.uploaded <= len(CHUNK)
        assert await status(client, KEYWORDS) == 200

    async def test_in_the_middle_of_a_download_stops_the_service(
        self, edge: Running, client: aiohttp.ClientSession
    ) -> None:
        async with client.get("/api/v1/planner/download/") as response:
            assert await response.content.readexactly(len(CHUNK)) == CHUNK
            assert not edge.upstream.aborted.is_set()
            response.close()
        await comes(edge.upstream.aborted)
        assert await status(client, KEYWORDS) == 200
