"""What is known already is kept again by replicas, and by nothing else."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from common.contracts.publisher import SiteConnected
from common.database import Database, Transaction
from common.ids import new_id
from common.messaging.envelope import Heard
from common.messaging.inbox import Inbox
from common.messaging.reactions import Reactions
from sqlalchemy.dialects.postgresql import insert

from tests.integration.kit.test_inbox import CONSUMER, Source, heard, letters
from tests.support import toy
from tests.support.database import ServiceUrls


@pytest.fixture
def source() -> Source:
    return Source()


def keeping(fails: Callable[[], bool] = lambda: False) -> Reactions:
    """A replica of counters beside the toy's listener, which writes down all that it hears."""
    replica = Reactions(of_replicas=True)

    @replica.on(SiteConnected)
    async def keep(event: Heard[SiteConnected], tx: Transaction) -> None:
        if fails():
            raise RuntimeError("the replica cannot")
        statement = insert(toy.counters).values(
            account_id=event.account_id,
            counter_id=event.data.site_id,
            number=event.version,
            counted_at=event.time,
        )
        await tx.execute(
            statement.on_conflict_do_update(
                index_elements=["counter_id"],
                set_={"number": statement.excluded.number},
                where=toy.counters.c.number < statement.excluded.number,
            )
        )

    return Reactions().include([replica, toy.listener()])


def kept(urls: ServiceUrls) -> list[Any]:
    with psycopg.connect(urls.owner) as connection:
        return connection.execute("SELECT counter_id, number FROM toy_counters ORDER BY 1").fetchall()


def empty(urls: ServiceUrls) -> None:
    with psycopg.connect(urls.owner) as connection:
        connection.execute("DELETE FROM toy_counters")


async def test_a_replica_that_lost_its_rows_has_them_when_all_is_said_again(
    toy_database: Database, toy_urls: ServiceUrls, source: Source
) -> None:
    inbox = Inbox(CONSUMER, "life-1", toy_database, keeping())
    account, sites = new_id(), [new_id(), new_id()]
    messages = [source.message(account, site) for site in (*sites, *sites, sites[0])]
    await inbox.take(messages)
    before, known = kept(toy_urls), heard(toy_urls)
    assert len(before) == len(sites)
    empty(toy_urls)
    await inbox.take(messages[::-1])
    assert kept(toy_urls) == before
    assert heard(toy_urls) == known, "only the replica took it again"
    await inbox.take([*messages, *messages])
    assert (kept(toy_urls), heard(toy_urls)) == (before, known)


async def test_what_was_said_of_an_erased_account_stays_away(
    toy_database: Database, toy_urls: ServiceUrls, source: Source
) -> None:
    inbox = Inbox(CONSUMER, "life-1", toy_database, keeping())
    account, other = new_id(), new_id()
    messages = [source.message(account, new_id()), source.message(other, new_id())]
    await inbox.take(messages)
    with psycopg.connect(toy_urls.owner) as connection:
        connection.execute("INSERT INTO erased_accounts (account_id) VALUES (%s)", (account,))
        connection.execute("DELETE FROM toy_counters")
    await inbox.take(messages)
    assert len(kept(toy_urls)) == 1
    assert letters(toy_urls) == []


async def test_what_a_replica_cannot_take_again_is_not_handled_again_later(
    toy_database: Database, toy_urls: ServiceUrls, source: Source
) -> None:
    """A letter would be tried with all that follows from it; the event is known, and its neighbours are kept."""
    broken: set[bool] = set()
    inbox = Inbox(CONSUMER, "life-1", toy_database, keeping(lambda: bool(broken)))
    messages = [source.message(new_id(), new_id())]
    await inbox.take(messages)
    known = heard(toy_urls)
    broken.add(True)
    await inbox.take(messages)
    assert (letters(toy_urls), heard(toy_urls)) == ([], known)
    assert len(kept(toy_urls)) == 1
