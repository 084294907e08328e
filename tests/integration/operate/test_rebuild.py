"""Rebuilding: equal to what was written live, repairs what is not, loses nothing of those who write meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from common.database import Database, Sql, Transaction
from common.eventsourcing import rebuild as engine
from common.eventsourcing.event import Recorded
from common.eventsourcing.rebuild import RebuildFailed, rebuild
from common.ids import new_id, stable_id
from common.model import Projection, ServiceModel
from common.operate.projections import digests, verify
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.operate import tallies
from tests.parts.ports import eventually
from tests.support import toy
from tests.support.database import ServiceUrls

MODEL, TALLY = tallies.MODEL, tallies.TALLY


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few facts take many pages, and some of them the tail."""
    monkeypatch.setattr(engine, "PAGE_POSITIONS", 7)
    monkeypatch.setattr(engine, "TAIL_POSITIONS", 3)


def sql(url: str, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query, parameters)
        return cursor.fetchall() if cursor.description else []


async def write(database: Database, account: UUID, counter: UUID, times: int) -> None:
    await database.run(account, lambda tx: toy.count(tx, counter, toy.Count(times)))


async def label(database: Database, account: UUID, text: str) -> None:
    async def work(tx: Transaction) -> None:
        await tx.handle(tallies.LABEL, account, text)

    await database.run(account, work)


async def some_facts(database: Database) -> None:
    for account, counter, times in [(0, 0, 4), (1, 1, 9), (0, 2, 1), (0, 0, 3), (1, 1, 2), (0, 2, 6)]:
        await write(database, stable_id("account", account), stable_id("counter", counter), times)
        await label(database, stable_id("account", account), f"label {times}")


def schemas(urls: ServiceUrls) -> list[tuple[Any, ...]]:
    return sql(urls.owner, "SELECT nspname FROM pg_namespace WHERE nspname ~ '^(rebuild|verify)_'")


steps = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 2),
        st.one_of(
            st.integers(1, 12), st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1)
        ),
    ),
    max_size=12,
)


@pytest.mark.usefixtures("uncounted")  # the other tests here pass the same lines
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
async def test_a_rebuild_is_what_was_written_live(
    database: Database, urls: ServiceUrls, steps: list[tuple[int, int, int | str]]
) -> None:
    for account, counter, what in steps:
        owner = stable_id("account", account)
        if isinstance(what, int):
            await write(database, owner, stable_id("counter", account, counter), what)
        else:
            await label(database, owner, what)
    before = await digests(urls.owner, MODEL)
    for projection in MODEL.projections:
        assert (await verify(urls.owner, MODEL, projection)).equal
        done = await rebuild(urls.owner, MODEL, projection)
        assert [(table.removed, table.written) for table in done.tables] == [(0, 0)] * len(projection.tables)
    assert await digests(urls.owner, MODEL) == before


PLANTED = {
    "changed": "UPDATE toy_steps SET what = '{\"number\": 99}' WHERE stream LIKE 'counter-%' AND version = 3",
    "missing": "DELETE FROM toy_steps WHERE version = 2",
    "extra": "INSERT INTO toy_steps SELECT account_id, 'counter-x', version, what, at FROM toy_steps LIMIT 1",
    "null for empty": "UPDATE toy_sums SET last = ''",
    "all lost": "DELETE FROM toy_sums",
    "time": "UPDATE toy_steps SET at = at + interval '1 microsecond' WHERE version = 1",
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED.keys())
async def test_verify_finds_a_planted_difference_and_rebuild_repairs_it(
    database: Database, urls: ServiceUrls, planted: str
) -> None:
    await some_facts(database)
    right = await digests(urls.owner, MODEL)
    with psycopg.connect(urls.owner) as connection:
        touched = connection.execute(planted).rowcount
    assert touched > 0
    wrong = await digests(urls.owner, MODEL)
    shape = tallies.table_shape(urls.owner)

    found = await verify(urls.owner, MODEL, TALLY)
    assert not found.equal
    different = [table for table in found.tables if not table.equal]
    assert [table.table for table in different] == [name for name in right if right[name] != wrong[name]]
    (table,) = different
    assert table.live.rows - table.rebuilt.rows == {"D": -touched, "I": touched}.get(planted[0], 0)
    assert len(table.only_live) == (0 if planted[0] == "D" else min(touched, 5))
    assert len(table.only_rebuilt) == (0 if planted[0] == "I" else min(touched, 5))
    assert await digests(urls.owner, MODEL) == wrong, "verify changes nothing"

    done = await rebuild(urls.owner, MODEL, TALLY)
    (corrected,) = [each for each in done.tables if each.table == table.table]
    assert corrected.removed == (0 if planted[0] == "D" else touched)
    assert corrected.written == (0 if planted[0] == "I" else touched)
    assert await digests(urls.owner, MODEL) == right
    assert tallies.table_shape(urls.owner) == shape
    assert schemas(urls) == []
    await write(database, new_id(), new_id(), 2)
    assert (await verify(urls.owner, MODEL, TALLY)).equal, "the service goes on writing the same tables"


async def test_live_writers_lose_nothing(
    database: Database, urls: ServiceUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PAGE_POSITIONS", 40)
    await some_facts(database)
    sql(urls.owner, "UPDATE toy_sums SET steps = steps + 1")
    written = 0

    async def writer(number: int) -> None:
        nonlocal written
        for _ in range(40):
            await write(database, stable_id("account", number % 3), stable_id("writer", number), 2)
            written += 1

    writers = asyncio.gather(*(writer(number) for number in range(4)))
    await eventually(lambda: written)
    began = written
    await rebuild(urls.owner, MODEL, TALLY)
    assert written > began, "they wrote meanwhile"
    assert (await verify(urls.owner, MODEL, TALLY)).equal
    await writers
    assert (await verify(urls.owner, MODEL, TALLY)).equal
    assert sql(urls.owner, "SELECT count(*) FROM toy_steps") == sql(urls.owner, "SELECT count(*) FROM events")


async def test_a_lower_position_that_commits_late_is_not_lost(database: Database, urls: ServiceUrls) -> None:
    late = new_id()
    async with database.transaction(late) as tx:
        await toy.count(tx, late, toy.Count(1))
        await some_facts(database)  # higher positions, committed earlier
        rebuilding = asyncio.create_task(rebuild(urls.owner, MODEL, TALLY))
        await eventually(
            lambda: sql(
                urls.owner,
                "SELECT 1 FROM pg_locks WHERE relation = 'events'::regclass AND mode = 'ShareLock' AND NOT granted",
            ),
            what="the rebuild waits for the writer",
        )
    await rebuilding
    assert (await verify(urls.owner, MODEL, TALLY)).equal
    assert sql(urls.owner, "SELECT steps FROM toy_sums WHERE account_id = %s", late) == [(1,)]


async def test_who_only_reads_a_view_holds_up_no_rebuild(database: Database, urls: ServiceUrls) -> None:
    await some_facts(database)
    account = stable_id("account", 0)
    sql(urls.owner, "UPDATE toy_sums SET steps = 1")
    async with database.transaction(account) as tx:
        assert await tx.scalar("SELECT steps FROM toy_sums") == 1
        await asyncio.wait_for(rebuild(urls.owner, MODEL, TALLY), 20)
        await toy.count(tx, stable_id("counter", 0), toy.Count(1))  # read first, then appended: no deadlock
    assert (await verify(urls.owner, MODEL, TALLY)).equal


async def test_verify_waits_for_no_writer_and_lets_none_wait(database: Database, urls: ServiceUrls) -> None:
    await some_facts(database)
    account = new_id()
    async with database.transaction(account) as tx:
        await toy.count(tx, account, toy.Count(1))
        found = await asyncio.wait_for(verify(urls.owner, MODEL, TALLY), 20)
        assert found.equal
        assert sql(urls.owner, "SELECT 1 FROM toy_sums WHERE account_id = %s", account) == []
    assert schemas(urls) == []


def failing(apply: Callable[[Sql, Sequence[Recorded[Any]]], Awaitable[None]]) -> ServiceModel:
    async def both(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
        await TALLY.apply(sql, recorded)
        await apply(sql, recorded)

    return replace(MODEL, projections=(Projection("tally", TALLY.categories, TALLY.tables, both),))


async def _raises(_sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
    if recorded[-1].version == 7:
        raise KeyError("no such thing")


async def _violates(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
    if recorded[-1].version == 7:
        await sql.execute("UPDATE toy_sums SET steps = -1")


@pytest.mark.parametrize("fault", [_raises, _violates])
async def test_a_projection_that_fails_leaves_the_live_tables_as_they_were(
    database: Database, urls: ServiceUrls, fault: Any
) -> None:
    await some_facts(database)
    sql(urls.owner, "UPDATE toy_sums SET steps = 1")
    before = await digests(urls.owner, MODEL)
    model = failing(fault)
    counter = toy.COUNTER.stream(stable_id("counter", 0))
    for act in (rebuild, verify):
        with pytest.raises(RebuildFailed, match=rf"tally failed on {counter}, versions \d to 7"):
            await act(urls.owner, model, model.projections[0])
    assert await digests(urls.owner, MODEL) == before
    assert schemas(urls) == []
    await rebuild(urls.owner, MODEL, TALLY)
    assert (await verify(urls.owner, MODEL, TALLY)).equal


async def test_a_fact_that_no_code_knows_is_named(database: Database, urls: ServiceUrls) -> None:
    await some_facts(database)
    model = replace(MODEL, deciders=(toy.COUNTER,))
    with pytest.raises(RebuildFailed, match=r"Labelled at position .* no class"):
        await rebuild(urls.owner, model, TALLY)
    assert (await verify(urls.owner, MODEL, TALLY)).equal


async def test_one_rebuild_at_a_time_and_leftovers_of_a_dead_one_are_cleared(
    database: Database, urls: ServiceUrls
) -> None:
    await some_facts(database)
    sql(urls.owner, "CREATE SCHEMA rebuild_tally CREATE TABLE toy_sums (nonsense integer)")
    with psycopg.connect(urls.owner, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (engine.REBUILD_LOCK,))
        with pytest.raises(RebuildFailed, match="Another rebuild"):
            await rebuild(urls.owner, MODEL, TALLY)
    assert (await rebuild(urls.owner, MODEL, TALLY)).facts > 0
    assert schemas(urls) == []


async def test_numbered_rows_go_on_after_the_rebuilt_ones(urls: ServiceUrls) -> None:
    model, schema = tallies.identity_model()
    sql(urls.owner, schema)
    database = Database(urls.service, model)
    await database.open()
    try:
        await write(database, new_id(), new_id(), 5)
        sql(urls.owner, "TRUNCATE toy_numbered RESTART IDENTITY")
        await rebuild(urls.owner, model, model.projections[0])
        assert sql(urls.owner, "SELECT id FROM toy_numbered ORDER BY id") == [(n,) for n in range(1, 6)]
        await write(database, new_id(), new_id(), 1)  # would collide with 1
        assert sql(urls.owner, "SELECT max(id) FROM toy_numbered") == [(6,)]
    finally:
        await database.close()


async def test_progress_ends_at_the_last_position(database: Database, urls: ServiceUrls) -> None:
    await some_facts(database)
    heard: list[tuple[int, int]] = []
    await rebuild(urls.owner, MODEL, TALLY, lambda reached, last: heard.append((reached, last)))
    assert heard == sorted(heard)
    assert heard[-1] == (last := sql(urls.owner, "SELECT max(position) FROM events")[0][0], last)
    assert len(heard) == -(-last // 7)


async def test_digests_name_views_and_replicas_and_change_with_any_row(
    database: Database, urls: ServiceUrls
) -> None:
    await some_facts(database)
    before = await digests(urls.owner, MODEL)
    assert set(before) == {"toy_counters", "toy_steps", "toy_sums", "toy_heard"}
    assert await digests(urls.owner, MODEL) == before
    sql(
        urls.owner,
        "INSERT INTO toy_heard (account_id, event_id, subject, version) VALUES (%s, %s, '', 1)",
        new_id(),
        new_id(),
    )
    after = await digests(urls.owner, MODEL)
    assert {name for name in before if before[name] != after[name]} == {"toy_heard"}
