"""Handing on while the client is there: who goes is noticed at any moment, and nothing else is interrupted."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from gateway.edge.forwarder import ClientGone, Forwarder
from starlette.types import Message

SCOPE = {"method": "GET", "path": "/api/v1/planner/x/", "query_string": b"", "headers": []}


class Client:
    """Asks for something without a body; `leave` is what servers say of who has gone, and of who has the whole answer."""

    def __init__(self) -> None:
        self._left = asyncio.Event()

    def leave(self) -> None:
        self._left.set()

    async def receive(self) -> Message:
        await self._left.wait()
        return {"type": "http.disconnect"}


async def forward(client: Client, exchange: Callable[[], Awaitable[None]]) -> None:
    forwarder = Forwarder({"planner": "http://planner"})

    async def exchanged(*_: Any) -> None:
        await exchange()

    pytest.MonkeyPatch().setattr(
        forwarder, "_exchange", exchanged
    )  # of this one object, which ends with the test

    async def send(_: Message) -> None:
        return None

    await forwarder.forward(
        SCOPE, client.receive, send, service="planner", path="/api/v1/planner/x/", headers=[]
    )


async def test_who_goes_interrupts_what_is_done_for_him() -> None:
    client, ended = Client(), []

    async def exchange() -> None:
        client.leave()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("interrupted")
            raise

    with pytest.raises(ClientGone):
        await forward(client, exchange)
    assert ended == ["interrupted"]


@pytest.mark.parametrize("turns", range(6))
async def test_who_goes_with_the_end_of_the_answer_leaves_nothing_interrupted(turns: int) -> None:
    """Wherever the two meet: the task goes on with the next request of its connection."""
    client = Client()

    async def exchange() -> None:
        client.leave()
        for _ in range(turns):
            await asyncio.sleep(0)

    try:
        await forward(client, exchange)
    except ClientGone:
        assert turns > 0
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_what_is_cancelled_from_outside_ends_as_that() -> None:
    client, begun = Client(), asyncio.Event()

    async def exchange() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(forward(client, exchange))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_fault_of_the_service_stays_what_it_is() -> None:
    async def exchange() -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await forward(Client(), exchange)
