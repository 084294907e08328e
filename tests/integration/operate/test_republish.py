"""Looking at facts across tenants, and saying the public ones again through a relay that empties the outbox."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from common.database import Database
from common.ids import new_id
from common.operate import OperatorError, events

from tests.support import toy
from tests.support.database import ServiceUrls


@pytest.fixture
def owner(urls: ServiceUrls) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(urls.owner, autocommit=True) as connection:
        yield connection


@contextmanager
def relay(url: str) -> Iterator[list[list[int]]]:
    """Takes what is in the outbox, a batch at a time, as the relay's role may; yields the batches."""
    batches: list[list[int]] = []
    stop = threading.Event()

    def run() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.wait(0.02):
                taken = connection.execute("DELETE FROM outbox RETURNING position").fetchall()
                if taken:
                    batches.append([position for (position,) in taken])

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield batches
    finally:
        stop.set()
        thread.join()


async def count(database: Database, times: int) -> str:
    counter = new_id()
    await database.run(new_id(), lambda tx: toy.count(tx, counter, toy.Count(times)))
    return str(toy.COUNTER.stream(counter))


async def test_every_public_fact_is_said_again_in_slices(
    database: Database, urls: ServiceUrls, owner: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "SLICE_ROWS", 4)
    for times in (7, 1, 5):
        await count(database, times)
    public = {
        position
        for (position,) in owner.execute(
            "SELECT position FROM events WHERE (data->>'number')::int % 2 = 0"
        ).fetchall()
    }
    assert owner.execute("DELETE FROM outbox").rowcount == len(public) == 5
    with relay(urls.relay) as batches:
        slices = list(events.republish(owner))
    assert [each.facts for each in slices] == [4, 8, 12, 13]
    assert slices[-1].reached == slices[-1].last
    said = [position for batch in batches for position in batch]
    assert public <= set(said)
    assert len(said) == len(set(said)) == 13
    assert max(len(batch) for batch in batches) <= 4, "the next slice waits until the last is said"
    assert owner.execute("SELECT count(*) FROM outbox").fetchone() == (0,)


async def test_only_what_was_recorded_since(
    database: Database, urls: ServiceUrls, owner: psycopg.Connection[Any]
) -> None:
    await count(database, 3)
    since = datetime.now(UTC)
    later = await count(database, 2)
    owner.execute("DELETE FROM outbox")
    with relay(urls.relay) as batches:
        assert [each.facts for each in events.republish(owner, since=since)] == [2]
        assert list(events.republish(owner, since=datetime(9999, 1, 1, tzinfo=UTC))) == []
    positions = [fact.position for fact in events.stream(owner, "publisher", later)]
    assert sorted(position for batch in batches for position in batch) == positions


def test_an_empty_store_has_nothing_to_say(owner: psycopg.Connection[Any]) -> None:
    assert list(events.republish(owner)) == []


async def test_a_relay_that_does_not_send_is_an_error_and_loses_nothing(
    database: Database, owner: psycopg.Connection[Any]
) -> None:
    await count(database, 4)
    with pytest.raises(OperatorError, match="4 facts"):
        list(events.republish(owner, stuck_after=0.2))
    assert owner.execute("SELECT count(*) FROM outbox").fetchone() == (4,)


async def test_a_stream_and_the_tail_are_shown_as_stored(
    database: Database, owner: psycopg.Connection[Any]
) -> None:
    first, second = await count(database, 3), await count(database, 2)
    facts = events.stream(owner, "publisher", first)
    assert [(fact.version, fact.type, fact.data["number"], fact.actor) for fact in facts] == [
        (1, "Counted", 1, "system"),
        (2, "Counted", 2, "system"),
        (3, "Counted", 3, "system"),
    ]
    assert [(fact.stream, fact.version) for fact in events.tail(owner, "publisher", 3)] == [
        (first, 3),
        (second, 1),
        (second, 2),
    ]
    assert events.stream(owner, "publisher", "counter-none") == []


async def test_who_follows_sees_each_fact_once_also_one_that_commits_late(
    database: Database, owner: psycopg.Connection[Any]
) -> None:
    await count(database, 3)
    follower = events.Follower(owner, "publisher")
    assert follower.new() == []
    late = new_id()
    async with database.transaction(late) as tx:
        await toy.count(tx, late, toy.Count(1))
        early = await count(database, 2)
        assert [(fact.stream, fact.version) for fact in follower.new()] == [(early, 1), (early, 2)]
    assert [fact.stream for fact in follower.new()] == [f"counter-{late}"]
    assert follower.new() == []
