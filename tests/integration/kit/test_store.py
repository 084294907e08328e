"""The store on a real PostgreSQL: one writer at a time, nothing torn, nothing changed, no tenant sees another."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager

import psycopg
import pytest
from common.contracts.base import SERVICES
from common.database import Database, EventTooLarge, StreamConflict, Transaction
from common.ids import new_id
from common.model import ServiceModel
from structlog.testing import capture_logs

from tests.support import toy
from tests.support.database import ServiceUrls


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
    database = Database(urls.service, toy.MODEL, pool_size=20)
    await database.open()
    yield database
    await database.close()


async def test_facts_view_and_outbox_commit_together(database: Database) -> None:
    account, counter = new_id(), new_id()
    total = await database.run(account, lambda tx: toy.count(tx, counter, toy.Count(4)))
    assert total == 4
    async with database.transaction(account) as tx:
        assert await tx.scalar("SELECT number FROM toy_counters") == 4
        assert await tx.scalar("SELECT count(*) FROM events") == 4
        assert await tx.scalar("SELECT count(*) FROM outbox") == 2, "only even numbers are public"


async def test_a_failure_after_the_append_leaves_nothing(database: Database) -> None:
    account, counter = new_id(), new_id()

    async def fail(tx: Transaction) -> None:
        await toy.count(tx, counter, toy.Count(4))
        raise RuntimeError("after the append")

    with pytest.raises(RuntimeError):
        await database.run(account, fail)
    async with database.transaction(account) as tx:
        assert await tx.scalar("SELECT count(*) FROM events") == 0
        assert await tx.scalar("SELECT count(*) FROM toy_counters") == 0
        assert await tx.scalar("SELECT count(*) FROM outbox") == 0


async def test_racers_on_one_stream_queue_and_none_is_lost(database: Database) -> None:
    account, counter = new_id(), new_id()
    racers = (database.run(account, lambda tx: toy.count(tx, counter, toy.Count())) for _ in range(60))
    with capture_logs() as said:
        ended = await asyncio.gather(*racers, return_exceptions=True)
    assert said == [], "nobody was in another's way"
    assert set(ended) == set(range(1, 61))
    async with database.transaction(account) as tx:
        assert await tx.load(toy.COUNTER, counter) == (60, 60)


async def test_a_stale_version_is_a_conflict(database: Database) -> None:
    account, counter = new_id(), new_id()
    stream = toy.COUNTER.stream(counter)
    async with database.transaction(account) as tx:
        await tx.append(stream, 0, [toy.Counted(1), toy.Counted(2)])
    for stale in (0, 1, 5):
        with pytest.raises(StreamConflict):
            async with database.transaction(account) as tx:
                await tx.append(stream, stale, [toy.Counted(9)])


async def test_facts_can_be_neither_changed_nor_removed(database: Database, urls: ServiceUrls) -> None:
    account, counter = new_id(), new_id()
    await database.run(account, lambda tx: toy.count(tx, counter, toy.Count()))
    for url in (urls.service, urls.owner):
        with psycopg.connect(url) as connection:
            connection.execute("SELECT set_config('app.account_id', %s, false)", (str(account),))
            for change in ("UPDATE events SET type = 'x'", "DELETE FROM events", "TRUNCATE events"):
                with pytest.raises(psycopg.Error) as refused, connection.transaction():
                    connection.execute(change)
                assert isinstance(
                    refused.value, psycopg.errors.InsufficientPrivilege | psycopg.errors.RestrictViolation
                )


async def test_a_message_too_large_for_kafka_is_refused_before_commit(database: Database) -> None:
    account, counter = new_id(), new_id()
    with pytest.raises(EventTooLarge, match="SiteConnected"):
        await database.run(account, lambda tx: toy.count(tx, counter, toy.Count(2, "x" * 300_000)))
    async with database.transaction(account) as tx:
        assert await tx.scalar("SELECT count(*) FROM events") == 0


async def test_another_tenant_and_no_tenant_see_nothing(database: Database, urls: ServiceUrls) -> None:
    mine, other, counter = new_id(), new_id(), new_id()
    await database.run(mine, lambda tx: toy.count(tx, counter, toy.Count()))
    for account in (other, None):
        async with database.transaction(account) as tx:
            assert await tx.scalar("SELECT count(*) FROM events") == 0
            assert await tx.scalar("SELECT count(*) FROM toy_counters") == 0
    with psycopg.connect(urls.service) as connection:
        connection.execute("SELECT set_config('app.account_id', %s, true)", (str(mine),))
        connection.commit()
        # After a committed SET LOCAL the setting is '' and must mean "no tenant", not an error.
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)


async def test_a_tenant_cannot_write_for_another(urls: ServiceUrls) -> None:
    with psycopg.connect(urls.service) as connection:
        connection.execute("SELECT set_config('app.account_id', %s, true)", (str(new_id()),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO toy_counters VALUES (%s, %s, 1, now())", (new_id(), new_id()))


@pytest.mark.parametrize("service", SERVICES)
def test_every_table_with_tenants_is_guarded(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]], service: str
) -> None:
    with service_database(service) as urls, psycopg.connect(urls.owner) as connection:
        unguarded = connection.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
            " AND a.attname = 'account_id' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"
        ).fetchall()
    assert unguarded == []


async def test_the_relays_role_reads_facts_and_empties_the_outbox_and_nothing_else(
    database: Database, urls: ServiceUrls
) -> None:
    await database.run(new_id(), lambda tx: toy.count(tx, new_id(), toy.Count(2)))
    with psycopg.connect(urls.relay, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (2,)
        for forbidden in (
            "INSERT INTO outbox VALUES (999)",
            "DELETE FROM events",
            "SELECT * FROM inbox",
            "SELECT * FROM dead_letters",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden)
        connection.execute("DELETE FROM outbox")


def test_two_aggregates_cannot_share_an_event_name() -> None:
    model = ServiceModel("x", (toy.COUNTER, toy.COUNTER), lambda fact: None)
    assert len(model.types.classes) == 1
