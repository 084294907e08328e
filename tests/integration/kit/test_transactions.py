"""The corners of a transaction: rows in bulk, nothing to do, no tenant, and a writer that is always in the way."""

import asyncio
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from functools import partial

import psycopg
import pytest
import sqlalchemy as sa
from common import database as database_module
from common import telemetry
from common.database import Database, Gathering, StreamConflict, Transaction
from common.eventsourcing.event import Meta
from common.ids import new_id
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind
from psycopg import sql
from psycopg_pool.base import AttemptWithBackoff

from tests.support import toy
from tests.support.database import ServiceUrls


async def test_many_rows_are_written_by_one_statement(toy_database: Database) -> None:
    account = new_id()
    names = [{"event_id": new_id(), "subject": f"s-{n}", "version": n} for n in range(50)]
    async with toy_database.transaction(account) as tx:
        await tx.execute_many(sa.insert(toy.heard), [])
        await tx.execute_many(sa.insert(toy.heard), [{"account_id": account, **name} for name in names])
        assert await tx.scalar("SELECT count(*) FROM toy_heard") == 50
        assert await tx.first("SELECT 1 AS one WHERE false") is None


async def test_gathered_statements_run_in_their_order_and_before_a_question(toy_database: Database) -> None:
    account = new_id()

    def row(version: int) -> dict[str, object]:
        return {"account_id": account, "event_id": new_id(), "subject": "s", "version": version}

    raised = "UPDATE toy_heard SET version = version + %(by)s"
    async with toy_database.transaction(account) as tx:
        await tx.scalar("SELECT 1")
        gathering = Gathering(await tx.reach())
        await gathering.execute(sa.insert(toy.heard), row(1))
        await gathering.execute_many(sa.insert(toy.heard), [row(2), row(3)])
        assert await tx.scalar("SELECT count(*) FROM toy_heard") == 0, "they wait"
        await gathering.execute(raised, {"by": 10})
        await gathering.execute("UPDATE toy_heard SET subject = '%s'")
        await gathering.execute(sa.insert(toy.heard), row(4))
        said = "SELECT string_agg(subject || version, ' ' ORDER BY position) FROM toy_heard"
        assert await gathering.scalar(said) == "%s11 %s12 %s13 s4"
        await gathering.execute(raised, {"by": 10})
        await gathering.send()
        assert await tx.scalar(said) == "%s21 %s22 %s23 s14"


async def test_a_command_that_changes_nothing_appends_nothing(toy_database: Database) -> None:
    account, counter = new_id(), new_id()
    async with toy_database.transaction(account) as tx:
        await toy.count(tx, counter, toy.Count(2))
        handled = await tx.handle(toy.COUNTER, counter, toy.Count(0))
        assert (handled.events, handled.state, handled.version) == ((), 2, 2)
        assert await tx.load(toy.COUNTER, counter) == (2, 2)


async def test_without_a_tenant_nothing_can_be_appended(toy_database: Database) -> None:
    async with toy_database.transaction(None) as tx:
        with pytest.raises(RuntimeError, match="no tenant"):
            await tx.append(toy.COUNTER.stream(new_id()), 0, [toy.Counted(1)])


async def test_switching_to_another_account_sees_its_rows_only(toy_database: Database) -> None:
    one, two, counter = new_id(), new_id(), new_id()
    async with toy_database.transaction(one) as tx:
        await toy.count(tx, counter, toy.Count())
        tx.switch(one, Meta(request_id="r"))
        assert await tx.scalar("SELECT count(*) FROM events") == 1
        tx.switch(two, Meta())
        assert await tx.scalar("SELECT count(*) FROM events") == 0


async def test_times_are_utc_whatever_zone_the_server_is_in(toy_urls: ServiceUrls) -> None:
    with psycopg.connect(toy_urls.owner, autocommit=True) as connection:
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET timezone = 'Asia/Tokyo'").format(
                sql.Identifier(connection.info.dbname)
            )
        )
    database = Database(toy_urls.service, toy.MODEL)
    await database.open()
    try:
        async with database.transaction(None) as tx:
            last = await tx.scalar("SELECT '9999-12-31T23:59:59Z'::timestamptz")
    finally:
        await database.close()
    assert last == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


async def test_a_connection_that_is_given_back_remembers_no_tenant(toy_urls: ServiceUrls) -> None:
    """Whoever gets it next may have no tenant, and then has to see nothing."""
    account, counter = new_id(), new_id()

    async def read(tx: Transaction) -> None:
        assert await tx.scalar("SELECT count(*) FROM toy_counters") <= 1

    async def load(tx: Transaction) -> None:
        await tx.load(toy.COUNTER, counter)

    async def append(tx: Transaction) -> None:
        await tx.append(toy.COUNTER.stream(counter), 0, [toy.Counted(1)])

    database = Database(toy_urls.service, toy.MODEL, pool_size=2)
    await database.open()
    try:
        for use in (append, load, read):
            await database.run(account, use)
            async with database.transaction(None) as one, database.transaction(None) as other:
                for tx in (one, other):  # all connections there are
                    assert await tx.scalar("SELECT count(*) FROM toy_counters") == 0, use.__name__
    finally:
        await database.close()


async def test_a_connection_that_ended_in_the_pool_is_not_handed_out(
    toy_database: Database, toy_urls: ServiceUrls
) -> None:
    async with toy_database.transaction(None) as tx:
        await tx.scalar("SELECT 1")
    with psycopg.connect(toy_urls.service, autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        ).fetchall()
    assert (True,) in ended
    for _ in ended:
        async with toy_database.transaction(None) as tx:
            assert await tx.scalar("SELECT 1") == 1


async def test_however_many_connections_ended_nobody_waits_for_longer_and_longer(
    toy_urls: ServiceUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool's own check sleeps after each connection it finds ended: fifteen seconds after five of them."""
    database = Database(toy_urls.service, toy.MODEL, pool_size=6)
    await database.open()
    try:
        async with AsyncExitStack() as together:
            for _ in range(6):
                tx = await together.enter_async_context(database.transaction(None))
                await tx.scalar("SELECT 1")
        monkeypatch.setattr(AttemptWithBackoff, "INITIAL_DELAY", 3600.0)
        with psycopg.connect(toy_urls.service, autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
            ).fetchall()
        assert ended == [(True,)] * 6
        async with asyncio.timeout(20), database.transaction(None) as tx:
            assert await tx.scalar("SELECT 1") == 1
    finally:
        await database.close()


async def test_an_error_that_somebody_passed_over_is_no_commit(toy_database: Database) -> None:
    async def work(tx: Transaction) -> None:
        await toy.count(tx, new_id(), toy.Count())
        with suppress(psycopg.errors.DivisionByZero):
            await tx.execute("SELECT 1 / 0")

    with pytest.raises(psycopg.errors.InFailedSqlTransaction, match="was rolled back"):
        await toy_database.run(new_id(), work)
    async with toy_database.transaction(None) as tx:
        assert await tx.scalar("SELECT 1") == 1, "its connection can be used again"


async def test_a_transaction_in_which_nothing_is_asked_is_none(toy_database: Database) -> None:
    async with toy_database.transaction(new_id()):
        pass
    async with toy_database.transaction(None, pipelined=True):
        pass


async def test_a_pipelined_transaction_is_committed_or_undone_as_a_whole(toy_database: Database) -> None:
    account, counter = new_id(), new_id()

    async def count(divisor: int) -> None:
        async with toy_database.transaction(None, pipelined=True) as tx:
            tx.switch(account, Meta())
            await tx.lock()
            await toy.count(tx, counter, toy.Count())
            await tx.execute("SELECT 1 / %(divisor)s", {"divisor": divisor})

    await count(1)
    with pytest.raises(psycopg.errors.DivisionByZero):
        await count(0)
    async with toy_database.transaction(account) as tx:
        assert await tx.load(toy.COUNTER, counter) == (1, 1)


async def test_each_way_to_begin_sets_the_tenant(toy_database: Database) -> None:
    account, counter = new_id(), new_id()
    await toy_database.run(account, partial(toy.count, counter=counter, command=toy.Count()))
    for first in ("load", "lock", "ask", "part"):
        async with toy_database.transaction(account) as tx:
            if first == "load":
                await tx.load(toy.COUNTER, counter)
            elif first == "lock":
                await tx.lock()
            elif first == "part":
                async with tx.part():
                    pass
            assert await tx.scalar("SELECT number FROM toy_counters") == 1, first


@pytest.mark.parametrize("error", [StreamConflict(), psycopg.errors.DeadlockDetected()])
async def test_who_is_always_in_the_way_ends_it(
    toy_database: Database, toy_urls: ServiceUrls, error: Exception
) -> None:
    attempts = 0

    async def work(tx: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        await toy.count(tx, new_id(), toy.Count())
        raise error

    with pytest.raises(type(error)):
        await toy_database.run(new_id(), work)
    assert attempts == database_module.ATTEMPTS
    with psycopg.connect(toy_urls.owner) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)


def test_a_span_goes_on_where_another_process_left_off(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = TracerProvider()
    monkeypatch.setattr(telemetry, "tracing", lambda: True)
    monkeypatch.setattr(telemetry, "tracer", provider.get_tracer("test"))
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with telemetry.span_from(parent, "x", SpanKind.CONSUMER, {}):
        said = telemetry.traceparent()
    assert said is not None
    assert said.split("-")[1] == parent.split("-")[1]
    assert said != parent
