"""A snapshot is a short cut: with it, without it and with a useless one, a stream has the same state."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from uuid import UUID

import msgspec
import psycopg
import pytest
from common.database import Database, Transaction
from common.eventsourcing.decider import Decider, Snapshot
from common.ids import new_id

from tests.support import toy
from tests.support.database import ServiceUrls


def counter(shape: str = "counter.1") -> Decider[int, toy.Count]:
    """The toy counter; a snapshot remembers the number, and that it came from one."""
    kept: Snapshot[int] = Snapshot(
        shape, msgspec.json.encode, lambda text: msgspec.json.decode(text, type=int) + READ, every=10
    )
    return replace(toy.COUNTER, snapshot=kept)


READ = 1_000
"""What reading a snapshot adds in these tests: it shows whether one was read."""


@pytest.fixture
async def urls(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]],
) -> AsyncIterator[ServiceUrls]:
    with service_database("publisher") as urls:
        with psycopg.connect(urls.owner) as connection:
            connection.execute(toy.SCHEMA)
        yield urls


@pytest.fixture
async def database(urls: ServiceUrls) -> AsyncIterator[Database]:
    database = Database(urls.service, toy.MODEL)
    await database.open()
    yield database
    await database.close()


async def count(
    database: Database, decider: Decider[int, toy.Count], account: UUID, id: UUID, n: int
) -> None:
    await database.run(account, lambda tx: tx.handle(decider, id, toy.Count(n)))


async def load(
    database: Database, decider: Decider[int, toy.Count], account: UUID, id: UUID
) -> tuple[int, int]:
    return await database.run(account, lambda tx: tx.load(decider, id))


async def test_a_long_stream_is_folded_from_its_last_snapshot(database: Database) -> None:
    account, id = new_id(), new_id()
    await count(database, counter(), account, id, 9)
    assert await load(database, counter(), account, id) == (9, 9), "nothing is kept of a short stream"
    await count(database, counter(), account, id, 3)
    assert await load(database, counter(), account, id) == (12 + READ, 12)
    async with database.transaction(account) as tx:
        await tx.append(toy.COUNTER.stream(id), 12, [toy.Counted(77)])
    assert await load(database, counter(), account, id) == (77, 13), "and what came after it"


async def test_a_later_snapshot_takes_the_place_of_an_earlier_one(database: Database) -> None:
    account, id = new_id(), new_id()
    for _ in range(3):
        await count(database, toy.COUNTER, account, id, 5)
    await count(database, counter(), account, id, 5)
    await count(database, counter(), account, id, 10)
    async with database.transaction(account) as tx:
        assert [row["version"] for row in await tx.all("SELECT version FROM snapshots")] == [30]


async def test_one_of_another_shape_is_not_read_and_then_replaced(database: Database) -> None:
    account, id = new_id(), new_id()
    await count(database, counter(), account, id, 10)
    assert await load(database, counter("counter.2"), account, id) == (10, 10)
    await count(database, counter("counter.2"), account, id, 10)
    assert await load(database, counter("counter.2"), account, id) == (20 + READ, 20)
    assert await load(database, counter(), account, id) == (20, 20)


async def test_one_that_cannot_be_read_is_passed_over(database: Database) -> None:
    account, id = new_id(), new_id()
    await count(database, counter(), account, id, 10)
    async with database.transaction(account) as tx:
        await tx.execute("UPDATE snapshots SET state = 'no number'")
    assert await load(database, counter(), account, id) == (10, 10)


async def test_a_rolled_back_append_leaves_none(database: Database) -> None:
    account, id = new_id(), new_id()

    async def fail(tx: Transaction) -> None:
        await tx.handle(counter(), id, toy.Count(10))
        raise RuntimeError("after the append")

    with pytest.raises(RuntimeError):
        await database.run(account, fail)
    assert await load(database, counter(), account, id) == (0, 0)


async def test_another_tenant_reads_none(database: Database) -> None:
    account, id = new_id(), new_id()
    await count(database, counter(), account, id, 10)
    async with database.transaction(new_id()) as tx:
        assert await tx.all("SELECT stream FROM snapshots") == []
