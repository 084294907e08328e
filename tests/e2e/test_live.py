"""Live updates of the running stack: what waits for them costs little, and a socket tells what happened."""

import json

import aiohttp
import pytest

from benchmarks import idle
from tests.e2e.conftest import Shared

CONNECTIONS = 100


@pytest.mark.parametrize("connect", [idle.socket, idle.stream], ids=["sockets", "streams"])
async def test_an_idle_connection_is_small(shared: Shared, connect: idle.Connect) -> None:
    before, after = await idle.size_with(CONNECTIONS, connect, shared.product.stack)
    assert before + (after - before) * idle.CONNECTIONS / CONNECTIONS < idle.TARGET


async def test_a_socket_tells_what_happened_in_the_account(shared: Shared) -> None:
    headers = {"Authorization": shared.client._http.headers["Authorization"]}
    account = shared.client.get("account/")["id"]
    recorded = {
        row["id"]: row["name"]
        for row in shared.product.rows(
            "gateway", "SELECT id, name FROM live_events WHERE account_id = %s ORDER BY id", account
        )
    }
    assert "PipelineRunFinished" in recorded.values()
    async with (
        aiohttp.ClientSession(shared.product.url, headers=headers) as session,
        session.ws_connect("/ws?last_event_id=0", max_msg_size=0) as socket,
    ):
        told = [json.loads(await socket.receive_str(timeout=60)) for _ in recorded]
    assert {each["id"]: each["event"] for each in told} == recorded


def test_a_run_that_has_completed_is_a_notification(shared: Shared) -> None:
    run = shared.product.scalar(
        "gateway", "SELECT run_id::text FROM activity_runs WHERE outcome = 'completed'"
    )
    found = [
        row["task_id"]
        for row in shared.product.rows("gateway", "SELECT task_id::text AS task_id FROM notifications")
    ]
    assert run in found
