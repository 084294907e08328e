"""Letters as they come about: a poison event with others behind it, and a fact that Kafka refused."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
import pytest
from common.contracts.publisher import SiteConnected
from common.database import Database, Transaction
from common.eventsourcing.event import Meta, Recorded
from common.ids import new_id
from common.messaging.dead_letters import MAX_ATTEMPTS, Retrier
from common.messaging.envelope import Heard, headers_of
from common.messaging.inbox import Inbox, Message
from common.messaging.reactions import Reactions
from common.operate import OperatorError, dead_letters

from tests.support import toy
from tests.support.database import ServiceUrls

CONSUMER = "igny8.planner"
_offsets = count()


class Listener:
    """A consumer that cannot handle some platforms until it is mended."""

    def __init__(self, database: Database) -> None:
        self.poison = {"poison"}
        self.handled: list[str] = []
        reactions = Reactions()

        @reactions.on(SiteConnected)
        async def hear(event: Heard[SiteConnected], tx: Transaction) -> None:
            del tx
            if event.data.platform in self.poison:
                raise ValueError(f"cannot handle {event.data.platform}")
            self.handled.append(event.data.platform)

        self._inbox = Inbox(CONSUMER, "test", database, reactions)
        self._retrier = Retrier(CONSUMER, database, reactions)

    async def hear(self, stream: UUID, *platforms: str) -> None:
        account = new_id()
        for version, platform in enumerate(platforms, 1):
            await self._inbox.take([_message(account, stream, version, platform)])
        self.handled.clear()

    async def try_all(self) -> None:
        while await self._retrier.retry_due():
            pass


def _message(account: UUID, stream: UUID, version: int, platform: str) -> Message:
    contract = SiteConnected(site_id=stream, integration_id=stream, platform=platform)
    fact: Recorded[Any] = Recorded(
        1, account, f"counter-{stream}", version, new_id(), toy.Counted(1), Meta(), datetime.now(UTC)
    )
    _, headers, value = headers_of(contract, "publisher", fact, None)
    return Message("igny8.publisher.events", 0, next(_offsets), headers, value)


@pytest.fixture
def owner(urls: ServiceUrls) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(urls.owner, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def listener(database: Database) -> Listener:
    return Listener(database)


async def dead(listener: Listener, owner: psycopg.Connection[Any], *platforms: str) -> list[str]:
    """The ids of the letters after the first has failed for good, oldest first."""
    stream = new_id()
    await listener.hear(stream, *platforms)
    for _ in range(MAX_ATTEMPTS):
        owner.execute("UPDATE dead_letters SET next_attempt_at = now() WHERE state = 'retrying'")
        await listener.try_all()
    rows = owner.execute(
        "SELECT id::text FROM dead_letters WHERE subject = %s ORDER BY id", (f"counter-{stream}",)
    )
    return [id for (id,) in rows.fetchall()]


async def test_a_letter_is_listed_with_what_waits_behind_it(
    listener: Listener, owner: psycopg.Connection[Any]
) -> None:
    first, second, third = await dead(listener, owner, "poison", "two", "three")
    assert listener.handled == []
    found = dead_letters.letters(owner, "planner")
    assert [(each.id, each.state, each.waits_behind) for each in found] == [
        (first, "dead", None),
        (second, "retrying", first),
        (third, "retrying", first),
    ]
    assert found[0].attempts == MAX_ATTEMPTS
    assert "cannot handle poison" in found[0].error
    shown = dead_letters.content(owner, "planner", first).as_dict()
    assert shown["payload"]["platform"] == "poison"
    assert shown["headers"]["ce_type"] == "igny8.publisher.SiteConnected.v1"
    assert shown["source"]["topic"] == "igny8.publisher.events"


async def test_after_a_fix_a_retry_heals_the_letter_and_what_waits_behind_it_in_order(
    listener: Listener, owner: psycopg.Connection[Any]
) -> None:
    first, second, _ = await dead(listener, owner, "poison", "two", "three")
    other, *_ = await dead(listener, owner, "poison")
    listener.poison.clear()
    owner.execute(
        "UPDATE dead_letters SET state = 'waiting', next_attempt_at = NULL WHERE id = %s", (second,)
    )
    await listener.try_all()
    assert listener.handled == [], "a dead letter waits for a person"
    (taken,) = dead_letters.retry(owner, "planner", first)
    assert taken.id == first
    await listener.try_all()
    assert listener.handled == ["poison", "two", "three"]
    assert [letter.id for letter in dead_letters.letters(owner, "planner")] == [other]


async def test_a_retry_without_a_fix_has_all_attempts_again(
    listener: Listener, owner: psycopg.Connection[Any]
) -> None:
    first, _ = await dead(listener, owner, "poison", "two")
    dead_letters.retry(owner, "planner", first)
    await listener.try_all()
    letter = dead_letters.letters(owner, "planner")[0]
    assert (letter.id, letter.state, letter.attempts) == (first, "retrying", 1)
    assert listener.handled == []


async def test_retry_of_all_heals_every_stream(listener: Listener, owner: psycopg.Connection[Any]) -> None:
    await dead(listener, owner, "poison", "a2", "poison")
    await dead(listener, owner, "poison", "b2")
    listener.poison.clear()
    assert len(dead_letters.retry(owner, "planner", None)) == 5
    await listener.try_all()
    assert sorted(listener.handled) == ["a2", "b2", "poison", "poison", "poison"]
    assert dead_letters.letters(owner, "planner") == []
    assert dead_letters.retry(owner, "planner", None) == []


async def test_discard_forgets_one_and_lets_the_others_go_on(
    listener: Listener, owner: psycopg.Connection[Any]
) -> None:
    first, second, third = await dead(listener, owner, "poison", "two", "three")
    owner.execute(
        "UPDATE dead_letters SET state = 'waiting', next_attempt_at = NULL WHERE id = ANY(%s)",
        ([int(second), int(third)],),
    )
    assert dead_letters.discard(owner, "planner", first).type == "igny8.publisher.SiteConnected.v1"
    await listener.try_all()
    assert listener.handled == ["two", "three"]
    assert dead_letters.letters(owner, "planner") == []


async def refused(database: Database, owner: psycopg.Connection[Any]) -> int:
    """A public fact that the relay has put aside; its position."""
    counter = new_id()
    await database.run(new_id(), lambda tx: toy.count(tx, counter, toy.Count(2)))
    row = owner.execute("DELETE FROM outbox RETURNING position").fetchone()
    assert row is not None
    owner.execute(
        "INSERT INTO outbox_dead_letters (position, error) VALUES (%s, 'MessageSizeTooLarge')", (row[0],)
    )
    return int(row[0])


async def test_a_refused_fact_goes_back_into_the_outbox(
    database: Database, owner: psycopg.Connection[Any]
) -> None:
    position = await refused(database, owner)
    (letter,) = dead_letters.letters(owner, "publisher")
    assert (letter.id, letter.kind, letter.type) == (f"outbox-{position}", "said", "Counted")
    assert dead_letters.content(owner, "publisher", letter.id).payload["number"] == 2
    assert dead_letters.retry(owner, "publisher", letter.id) == [letter]
    assert owner.execute("SELECT position FROM outbox").fetchall() == [(position,)]
    assert dead_letters.letters(owner, "publisher") == []


async def test_a_discarded_fact_is_never_said_but_stays_a_fact(
    database: Database, owner: psycopg.Connection[Any]
) -> None:
    position = await refused(database, owner)
    dead_letters.discard(owner, "publisher", f"outbox-{position}")
    assert dead_letters.letters(owner, "publisher") == []
    assert owner.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
    assert owner.execute("SELECT 1 FROM events WHERE position = %s", (position,)).fetchone() == (1,)


@pytest.mark.parametrize("act", [dead_letters.content, dead_letters.retry, dead_letters.discard])
@pytest.mark.parametrize("id", ["999", "outbox-999", "x", "outbox-", "-1", "9" * 30])
def test_a_letter_that_is_not_there_is_named(owner: psycopg.Connection[Any], act: Any, id: str) -> None:
    with pytest.raises(OperatorError, match=id):
        act(owner, "publisher", id)
