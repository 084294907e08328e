"""An account that was erased: nothing is left in any database, and nothing comes any more, whoever tries."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from common.api.envelope import unexpected
from common.contracts import Contract, events_topic, spec_of
from common.contracts.gateway import AccountErased
from common.contracts.publisher import SiteConnected
from common.database import Database, Transaction
from common.erasure.begin import ERASE_ACCOUNT, begin
from common.erasure.reactions import reactions as erasures
from common.eventsourcing.event import Meta, Recorded
from common.ids import new_id
from common.jobs.job import Job
from common.jobs.worker import JobHandler, Work, _attempt
from common.messaging.envelope import Heard, headers_of
from common.messaging.inbox import Inbox, Message
from common.messaging.reactions import Reactions

from tests.support import toy
from tests.support.database import ServiceUrls


async def erase_all(database: Database, account: UUID) -> None:
    async with database.transaction(account) as tx:
        await tx.execute("SELECT erase_events(0, 1000000)")
        await tx.execute("SELECT erase_rows(1000)")


async def test_loses_its_facts_and_rows_and_no_other_loses_any(
    toy_urls: ServiceUrls, toy_database: Database
) -> None:
    erased, other = new_id(), new_id()
    for account in (erased, other):
        await toy_database.run(account, lambda tx: toy.count(tx, new_id(), toy.Count(3)))
        await toy_database.run(
            account, lambda tx: tx.defer(Job("some_job", time_limit=1), text="of the account")
        )
    with psycopg.connect(toy_urls.owner) as connection:
        connection.execute("DELETE FROM outbox")  # all has been said
    await toy_database.run(erased, begin)
    await erase_all(toy_database, erased)
    with psycopg.connect(toy_urls.owner) as connection:
        for table in ("events", "toy_counters"):
            found = connection.execute(f"SELECT DISTINCT account_id FROM {table}").fetchall()
            assert found == [(other,)], table
        jobs = connection.execute("SELECT task_name, args->>'account_id' FROM procrastinate_jobs").fetchall()
    assert set(jobs) == {("some_job", str(other)), (ERASE_ACCOUNT.name, str(erased))}


async def test_what_is_not_yet_said_is_said_before_it_goes(
    toy_urls: ServiceUrls, toy_database: Database
) -> None:
    account = new_id()
    await toy_database.run(account, lambda tx: toy.count(tx, new_id(), toy.Count(3)))
    await toy_database.run(account, begin)
    async with toy_database.transaction(account) as tx:
        assert await tx.scalar("SELECT erase_events(0, 1000000)") == 1, "the even number is public"
    with psycopg.connect(toy_urls.owner) as connection:
        connection.execute("DELETE FROM outbox")
    async with toy_database.transaction(account) as tx:
        assert await tx.scalar("SELECT erase_events(0, 1000000)") == 0
        assert await tx.scalar("SELECT count(*) FROM events") == 0


async def test_nothing_can_be_recorded_for_it_any_more(toy_database: Database) -> None:
    account, counter = new_id(), new_id()
    await toy_database.run(account, lambda tx: toy.count(tx, counter, toy.Count(1)))
    await toy_database.run(account, begin)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not_erased"):
        await toy_database.run(account, lambda tx: toy.count(tx, counter, toy.Count(1)))
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not_changed_when_erased"):
        await toy_database.run(account, lambda tx: tx.execute("UPDATE toy_counters SET number = 7"))
    await toy_database.run(new_id(), lambda tx: toy.count(tx, new_id(), toy.Count(1)))


async def test_its_requests_find_nobody_and_its_jobs_end(toy_database: Database) -> None:
    """Also those that had begun before."""
    account = new_id()
    await toy_database.run(account, begin)
    attempts = []

    async def record(work: Work) -> None:
        attempts.append(work.attempt)
        await toy_database.run(work.account_id, lambda tx: toy.count(tx, new_id(), toy.Count(1)))

    with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
        await record(Work(account, Meta(), {}, 1))
    assert unexpected(refused.value).status_code == 401
    await _attempt(JobHandler(Job("some_job", time_limit=10), record), Work(account, Meta(), {}, 1))
    assert attempts == [1, 1]


async def test_one_that_was_not_erased_loses_nothing(toy_database: Database) -> None:
    account = new_id()
    await toy_database.run(account, lambda tx: toy.count(tx, new_id(), toy.Count(1)))
    with pytest.raises(psycopg.errors.RestrictViolation, match="was not erased"):
        await toy_database.run(account, lambda tx: tx.execute("SELECT erase_rows(1000)"))
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        await toy_database.run(account, lambda tx: tx.execute("SELECT erase_events(0, 1000000)"))


def told(account: UUID, contract: Contract, stream: str, offset: int) -> Message:
    source = spec_of(type(contract)).by[0]
    at = datetime(2026, 1, 1, tzinfo=UTC)
    fact: Recorded[Any] = Recorded(1, account, stream, offset + 1, new_id(), toy.Counted(1), Meta(), at)
    _, headers, value = headers_of(contract, source, fact, None)
    return Message(events_topic(source), 0, offset, headers, value)


@pytest.mark.parametrize("together", [True, False])
async def test_what_is_said_of_it_later_is_passed_over(
    together: bool, toy_urls: ServiceUrls, toy_database: Database
) -> None:
    erased, other, site = new_id(), new_id(), new_id()
    inbox = Inbox("publisher", "test", toy_database, Reactions().include([erasures, toy.listener()]))
    connected = SiteConnected(site_id=site, integration_id=site, platform="wordpress")
    messages = [
        told(erased, AccountErased(account_id=erased), f"account-{erased}", 0),
        told(erased, connected, f"integration-{site}", 1),
        told(other, connected, f"integration-{other}", 2),
    ]
    for batch in [messages] if together else [[message] for message in messages]:
        await inbox.take(batch)
    with psycopg.connect(toy_urls.owner) as connection:
        assert connection.execute("SELECT account_id FROM toy_heard").fetchall() == [(other,)]
        assert connection.execute("SELECT count(*) FROM dead_letters").fetchone() == (0,)
        assert connection.execute("SELECT account_id FROM erased_accounts").fetchall() == [(erased,)]


async def test_whose_amounts_stay_is_heard_of_until_all_is_settled(
    toy_urls: ServiceUrls, toy_database: Database
) -> None:
    """What fails then is not kept: there is nobody any more whom it concerns. That it was erased is heard once."""
    erased, site = new_id(), new_id()
    await toy_database.run(erased, begin)
    settling = Database(toy_urls.service, replace(toy.MODEL, hears_of_erased=True))
    await settling.open()
    heard: list[UUID] = []
    reactions = Reactions().include([erasures])

    @reactions.on(SiteConnected)
    async def hear(event: Heard[SiteConnected], tx: Transaction) -> None:
        heard.append(event.account_id)
        if event.data.platform == "poison":
            raise ValueError("poison")

    inbox = Inbox("publisher", "test", settling, reactions)
    for offset, platform in enumerate(("wordpress", "poison")):
        connected = SiteConnected(site_id=site, integration_id=site, platform=platform)
        await inbox.take([told(erased, connected, f"integration-{site}", offset)])
    again = AccountErased(account_id=erased)
    await inbox.take([told(erased, again, f"account-{erased}", 2)])
    await settling.close()
    assert set(heard) == {erased}
    with psycopg.connect(toy_urls.owner) as connection:
        assert connection.execute("SELECT count(*) FROM dead_letters").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM procrastinate_jobs").fetchone() == (1,)
