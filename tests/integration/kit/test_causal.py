"""A request that knows of version n of the accounts stream waits for it, and holds nothing while it waits."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from uuid import UUID

import psycopg
import pytest
from common.database import Database
from common.ids import new_id
from common.replicas import causal

from tests.integration.kit.toy_api import ToyApi
from tests.parts.ports import eventually
from tests.support import toy
from tests.support.database import ServiceUrls

WAITERS = 20


@pytest.fixture
async def small(toy_urls: ServiceUrls, tmp_path: Path) -> AsyncIterator[ToyApi]:
    """A pool of two connections."""
    database = Database(toy_urls.service, toy.MODEL, pool_size=2)
    await database.open()
    api = ToyApi(database, tmp_path / "jwks.json")
    async with api.client:
        yield api
    await database.close()


def hear(urls: ServiceUrls, account: UUID, version: int) -> None:
    with psycopg.connect(urls.owner) as connection:
        connection.execute("SELECT set_config('app.account_id', %s, true)", (str(account),))
        connection.execute(
            "INSERT INTO replica_accounts (account_id, version) VALUES (%s, %s)"
            " ON CONFLICT (account_id) DO UPDATE SET version = excluded.version",
            (account, version),
        )


async def ask(api: ToyApi, account: UUID, version: int) -> int:
    return (await api.client.get("/who/", headers=api.identity(account, version=version))).status_code


async def test_waiters_hold_no_connection(
    small: ToyApi, toy_urls: ServiceUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(causal, "LONGEST_WAIT_SECONDS", 20.0)
    account, other = new_id(), new_id()
    waiting = [asyncio.create_task(ask(small, account, 4)) for _ in range(WAITERS)]
    slowest = 0.0
    for _ in range(10):
        began = monotonic()
        assert (await small.post(other, {})).status_code == 201
        slowest = max(slowest, monotonic() - began)
    # With a connection held by each waiter, the pool of two would be empty until they give up.
    assert slowest < 2.0
    assert not any(waiter.done() for waiter in waiting)
    hear(toy_urls, account, 4)
    small.waiter.advanced()
    assert await asyncio.gather(*waiting) == [200] * WAITERS


async def test_what_another_replica_heard_is_found_by_asking_again(
    small: ToyApi, toy_urls: ServiceUrls
) -> None:
    account = new_id()
    waiting = asyncio.create_task(ask(small, account, 2))
    hear(toy_urls, account, 2)
    await eventually(waiting.done, 2, what="it was noticed without a wake-up")
    assert waiting.result() == 200


async def test_after_two_seconds_the_client_is_asked_to_come_back(
    small: ToyApi, toy_urls: ServiceUrls
) -> None:
    account = new_id()
    hear(toy_urls, account, 3)
    began = monotonic()
    answer = await small.client.get("/who/", headers=small.identity(account, version=4))
    assert 2.0 <= monotonic() - began < 4.0
    assert (answer.status_code, answer.json()["error_code"]) == (503, "REPLICA_BEHIND")
    assert answer.headers["retry-after"] == "1"


async def test_who_knows_of_nothing_newer_does_not_wait(small: ToyApi, toy_urls: ServiceUrls) -> None:
    account = new_id()
    hear(toy_urls, account, 3)
    began = monotonic()
    for version in (0, 1, 3, 3):
        assert await ask(small, account, version) == 200
    assert monotonic() - began < 1.0
