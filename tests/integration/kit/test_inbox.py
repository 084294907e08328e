"""The inbox on a real PostgreSQL, fed by hand: exactly once, whatever comes in whatever batches."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
import pytest
from common.contracts.publisher import SiteConnected
from common.database import Database, Transaction
from common.eventsourcing.event import Meta, Recorded
from common.ids import SYSTEM_ACCOUNT, new_id
from common.messaging.dead_letters import MAX_ATTEMPTS, Retrier
from common.messaging.envelope import Heard, headers_of
from common.messaging.inbox import Inbox, Message
from common.messaging.offsets import Progress
from common.messaging.reactions import Reactions

from tests.support import toy
from tests.support.database import PostgresServer, ServiceUrls

TOPIC = "igny8.publisher.events"
CONSUMER = "test"


class Source:
    """Makes messages as Kafka would deliver them, on one partition."""

    def __init__(self) -> None:
        self._offsets = count()
        self._versions: dict[UUID, int] = {}

    def message(self, account: UUID, site: UUID, platform: str = "wordpress") -> Message:
        self._versions[site] = self._versions.get(site, 0) + 1
        data = SiteConnected(site_id=site, integration_id=site, platform=platform)
        at = datetime(2026, 1, 1, tzinfo=UTC)
        fact: Recorded[Any] = Recorded(
            1, account, f"integration-{site}", self._versions[site], new_id(), toy.Counted(1), Meta(), at
        )
        _, headers, value = headers_of(data, "publisher", fact, None)
        return Message(TOPIC, 0, next(self._offsets), headers, value)

    def stranger(self) -> Message:
        """Of a type that nobody here knows."""
        known = self.message(new_id(), new_id())
        headers = [(n, b"igny8.publisher.SiteSold.v9" if n == "ce_type" else v) for n, v in known.headers]
        return Message(TOPIC, 0, known.offset, headers, b"{}")

    def broken(self, *headers: tuple[str, bytes]) -> Message:
        known = ("ce_type", b"igny8.publisher.SiteConnected.v1")
        return Message(TOPIC, 0, next(self._offsets), [known, *headers], b"{")


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def inbox(toy_database: Database) -> Inbox:
    return Inbox(CONSUMER, "life-1", toy_database, toy.listener())


def rows(urls: ServiceUrls, query: str) -> list[Any]:
    with psycopg.connect(urls.owner) as connection:
        return connection.execute(query).fetchall()


async def next_offsets(inbox: Inbox) -> dict[tuple[str, int], int]:
    return {key: at.next_offset for key, at in (await inbox.progress()).items()}


def heard(urls: ServiceUrls) -> list[tuple[str, int]]:
    return rows(urls, "SELECT subject, version FROM toy_heard ORDER BY position")


def letters(urls: ServiceUrls) -> list[tuple[str, str, int]]:
    return rows(urls, "SELECT subject, state, attempts FROM dead_letters ORDER BY id")


def listening(to: Callable[[Heard[SiteConnected], Transaction], Any]) -> Reactions:
    """The toy's listener, with something before it."""
    reactions = Reactions()

    @reactions.on(SiteConnected)
    async def hear(event: Heard[SiteConnected], tx: Transaction) -> None:
        await to(event, tx)

    return reactions.include([toy.listener()])


async def test_what_comes_twice_in_one_batch_or_again_is_handled_once(
    inbox: Inbox, source: Source, toy_urls: ServiceUrls
) -> None:
    account, site = new_id(), new_id()
    one, two = source.message(account, site), source.message(account, site)
    await inbox.take([one, one, two, one])
    await inbox.take([one, two])
    assert heard(toy_urls) == [(f"integration-{site}", 1), (f"integration-{site}", 2)]


async def test_an_empty_batch_and_strangers_only_move_the_offset(
    inbox: Inbox, source: Source, toy_urls: ServiceUrls
) -> None:
    await inbox.take([])
    await inbox.take([source.stranger()])
    await inbox.settle()
    assert heard(toy_urls) == []
    assert rows(toy_urls, "SELECT * FROM inbox") == []
    assert await next_offsets(inbox) == {(TOPIC, 0): 1}


class TestPassed:
    """Batches in which nothing is ours."""

    async def test_nothing_is_written_until_it_is_settled(self, inbox: Inbox, source: Source) -> None:
        await inbox.take([source.stranger()])
        await inbox.take([source.stranger(), source.stranger()])
        assert await next_offsets(inbox) == {}
        await inbox.settle()
        assert await next_offsets(inbox) == {(TOPIC, 0): 3}

    async def test_the_next_that_is_ours_records_them_too_and_sees_no_gap(
        self, inbox: Inbox, source: Source, toy_urls: ServiceUrls
    ) -> None:
        await inbox.take([source.message(new_id(), new_id())])
        await inbox.take([source.stranger()])
        await inbox.take([source.message(new_id(), new_id())])
        assert await next_offsets(inbox) == {(TOPIC, 0): 3}
        assert rows(toy_urls, "SELECT * FROM catch_up_requests") == []

    async def test_a_gap_in_front_of_them_asks_its_source(
        self, inbox: Inbox, source: Source, toy_urls: ServiceUrls
    ) -> None:
        await inbox.take([source.message(new_id(), new_id())])
        source.stranger()
        await inbox.take([source.stranger()])
        await inbox.settle()
        assert [row[:2] for row in rows(toy_urls, "SELECT * FROM catch_up_requests")] == [
            (CONSUMER, "publisher")
        ]

    @pytest.mark.parametrize("ours", [True, False])
    async def test_a_gap_behind_them_asks_its_source(
        self, inbox: Inbox, source: Source, toy_urls: ServiceUrls, ours: bool
    ) -> None:
        """What the broker forgot between two batches, the first of which is not recorded yet."""
        await inbox.take([source.message(new_id(), new_id())])
        await inbox.take([source.stranger()])
        source.stranger()
        await inbox.take([source.message(new_id(), new_id()) if ours else source.stranger()])
        await inbox.settle()
        assert await next_offsets(inbox) == {(TOPIC, 0): 4}
        assert [row[:2] for row in rows(toy_urls, "SELECT * FROM catch_up_requests")] == [
            (CONSUMER, "publisher")
        ]

    async def test_they_stay_while_the_database_is_away(
        self, source: Source, toy_database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        inbox = Inbox(CONSUMER, "life-1", toy_database, toy.listener())
        await inbox.take([source.stranger()])
        with monkeypatch.context() as away:
            away.setattr(toy_database, "transaction", _away)
            with pytest.raises(psycopg.OperationalError):
                await inbox.settle()
            with pytest.raises(psycopg.OperationalError):
                await inbox.take([source.message(new_id(), new_id())])
        await inbox.settle()
        assert await next_offsets(inbox) == {(TOPIC, 0): 1}


def _away(*_: Any, **__: Any) -> Any:
    raise psycopg.OperationalError("the database is away")


async def test_offsets_never_go_back(inbox: Inbox, source: Source) -> None:
    account = new_id()
    messages = [source.message(account, new_id()) for _ in range(5)]
    await inbox.take(messages)
    await inbox.take(messages[1:3])
    assert await next_offsets(inbox) == {(TOPIC, 0): 5}


async def test_offsets_count_in_one_life_of_the_broker_only(
    inbox: Inbox, source: Source, toy_database: Database, toy_urls: ServiceUrls
) -> None:
    await inbox.begin()
    await inbox.take([source.message(new_id(), new_id())])
    assert rows(toy_urls, "SELECT * FROM catch_up_requests") == []
    later = Inbox(CONSUMER, "life-2", toy_database, toy.listener())
    await later.begin()
    assert await next_offsets(later) == {(TOPIC, 0): 0}
    assert [row[:2] for row in rows(toy_urls, "SELECT * FROM catch_up_requests")] == [(CONSUMER, "publisher")]


async def test_where_a_log_was_cut_it_goes_on_lower_and_asks_for_what_was_behind(
    inbox: Inbox, source: Source, toy_urls: ServiceUrls
) -> None:
    await inbox.take([source.message(new_id(), new_id()) for _ in range(5)])
    for at, since in ((3, 7), (2, 5), (1, 6)):
        left = Progress(at, datetime(2025, 1, since, tzinfo=UTC))
        await inbox.rewind(TOPIC, 0, left)
        assert await inbox.progress() == {(TOPIC, 0): left}
    asked = (CONSUMER, "publisher", datetime(2025, 1, 5, tzinfo=UTC))
    assert rows(toy_urls, "SELECT consumer, source, since FROM catch_up_requests") == [asked]
    await inbox.rewind(TOPIC, 0, Progress(0, None))
    assert rows(toy_urls, "SELECT since = 'epoch' FROM catch_up_requests") == [(True,)]
    assert await inbox.progress() == {(TOPIC, 0): Progress(0, None)}


async def test_a_gap_asks_its_source(inbox: Inbox, source: Source, toy_urls: ServiceUrls) -> None:
    messages = [source.message(new_id(), new_id()) for _ in range(4)]
    await inbox.take(messages[:2])
    assert rows(toy_urls, "SELECT * FROM catch_up_requests") == []
    await inbox.take(messages[3:])
    assert [row[:2] for row in rows(toy_urls, "SELECT * FROM catch_up_requests")] == [(CONSUMER, "publisher")]


async def test_a_message_without_a_readable_time_still_counts(
    inbox: Inbox, source: Source, toy_urls: ServiceUrls
) -> None:
    await inbox.take([source.broken(("ce_time", b"yesterday")), source.broken(("ce_time", b"\xff"))])
    assert await next_offsets(inbox) == {(TOPIC, 0): 2}
    assert rows(toy_urls, "SELECT last_time FROM consumer_offsets") == [(None,)]


class TestPoison:
    """One event that cannot be handled, among neighbours."""

    async def test_its_account_is_taken_apart_and_the_others_stay_together(
        self, source: Source, toy_database: Database, toy_urls: ServiceUrls
    ) -> None:
        bad, good = new_id(), new_id()
        accounts = sorted((new_id() for _ in range(3)), key=lambda account: account.bytes)
        tried: dict[UUID, int] = dict.fromkeys(accounts, 0)
        transactions: set[int] = set()

        async def poison(event: Heard[SiteConnected], tx: Transaction) -> None:
            tried[event.account_id] += 1
            transactions.add(int(await tx.scalar("SELECT pg_current_xact_id()::text")))
            if event.data.site_id == bad:
                raise ValueError("cannot be handled")

        inbox = Inbox(CONSUMER, "life-1", toy_database, listening(poison))
        messages = [source.message(account, new_id()) for account in accounts for _ in range(3)]
        messages += [
            source.message(accounts[1], bad),
            source.message(accounts[1], good),
            source.message(accounts[1], bad),
        ]
        await inbox.take(messages)
        assert len(heard(toy_urls)) == 10
        assert letters(toy_urls) == [
            (f"integration-{bad}", "retrying", 1),
            (f"integration-{bad}", "retrying", 0),  # nothing is wrong with it, it waits
        ]
        # All together as far as the poison, each account by itself, and the poisoned one's events one by one.
        assert [tried[account] for account in accounts] == [3 + 3, 4 + 4 + 5, 3]
        assert len(transactions) == 2, "one is rolled back, the other has all of it"
        assert await next_offsets(inbox) == {(TOPIC, 0): 12}
        await inbox.take(messages)
        assert len(heard(toy_urls)) == 10
        assert len(letters(toy_urls)) == 2

    async def test_what_the_failed_one_did_is_undone_and_its_neighbour_starts_from_the_truth(
        self, source: Source, toy_database: Database, toy_urls: ServiceUrls
    ) -> None:
        account, bad, counter = new_id(), new_id(), new_id()

        async def count_and_fail(event: Heard[SiteConnected], tx: Transaction) -> None:
            await toy.count(tx, counter, toy.Count(1))
            if event.data.site_id == bad:
                raise ValueError("cannot be handled")

        inbox = Inbox(CONSUMER, "life-1", toy_database, listening(count_and_fail))
        await inbox.take([source.message(account, site) for site in (new_id(), bad, new_id())])
        stored = rows(toy_urls, "SELECT version FROM events ORDER BY version")
        assert stored == [(1,), (2,)]
        assert len(heard(toy_urls)) == 2

    async def test_later_events_of_its_stream_wait_behind_it(
        self, source: Source, toy_database: Database, toy_urls: ServiceUrls
    ) -> None:
        bad, account = new_id(), new_id()
        poisonous = {bad}
        passed: list[int] = []

        async def poison(event: Heard[SiteConnected], tx: Transaction) -> None:
            if event.data.site_id in poisonous:
                raise ValueError("cannot be handled")

        reactions = listening(poison)

        @reactions.on_stream("integration")
        async def come_by(event: Heard[Any], tx: Transaction) -> None:
            passed.append(event.version)

        inbox = Inbox(CONSUMER, "life-1", toy_database, reactions)
        await inbox.take([source.message(account, bad)])
        poisonous.clear()
        await inbox.take([source.message(account, bad), source.message(account, new_id())])
        assert [version for _, version in heard(toy_urls)] == [1]
        assert passed[-2:] == [2, 1], "also what is parked has come by"
        retrier = Retrier(CONSUMER, toy_database, reactions)
        for _ in range(2):
            due(toy_urls)
            assert await retrier.retry_due() == 1, "one of a stream at a time"
        assert [entry for entry in heard(toy_urls) if str(bad) in entry[0]] == [
            (f"integration-{bad}", 1),
            (f"integration-{bad}", 2),
        ]
        assert letters(toy_urls) == []

    async def test_after_its_last_attempt_it_stays_for_a_person(
        self, source: Source, toy_database: Database, toy_urls: ServiceUrls
    ) -> None:
        async def poison(event: Heard[SiteConnected], tx: Transaction) -> None:
            raise ValueError("cannot be handled")

        reactions = listening(poison)
        inbox = Inbox(CONSUMER, "life-1", toy_database, reactions)
        await inbox.take([source.message(new_id(), new_id())])
        retrier = Retrier(CONSUMER, toy_database, reactions)
        pauses: list[float] = []
        for _ in range(2, MAX_ATTEMPTS + 1):
            due(toy_urls)
            assert await retrier.retry_due() == 1
            pauses += [float(row[0]) for row in rows(toy_urls, PAUSE)]
        assert [round(pause) for pause in pauses] == [2, 4, 8, 16, 32]
        assert [letter[1:] for letter in letters(toy_urls)] == [("dead", MAX_ATTEMPTS)]
        due(toy_urls)
        assert await retrier.retry_due() == 0
        assert rows(toy_urls, "SELECT error FROM dead_letters") == [("ValueError('cannot be handled')",)]

    async def test_a_failing_statement_in_a_pipeline_is_nobodys_absence(
        self, source: Source, toy_database: Database, toy_urls: ServiceUrls
    ) -> None:
        bad = new_id()

        async def poison(event: Heard[SiteConnected], tx: Transaction) -> None:
            if event.data.site_id == bad:
                await tx.execute("INSERT INTO toy_heard (account_id) VALUES (%(a)s)", {"a": event.account_id})

        inbox = Inbox(CONSUMER, "life-1", toy_database, listening(poison))
        await inbox.take([source.message(new_id(), site) for site in (new_id(), bad, new_id(), new_id())])
        assert len(heard(toy_urls)) == 3
        assert [letter[0] for letter in letters(toy_urls)] == [f"integration-{bad}"]

    async def test_what_is_in_the_way_of_another_writer_is_tried_again(
        self, source: Source, toy_database: Database, toy_urls: ServiceUrls
    ) -> None:
        """A conflict is nobody's fault: it is neither parked nor given back to Kafka."""
        account, counter = new_id(), new_id()
        racing = [True]

        async def append(event: Heard[SiteConnected], tx: Transaction) -> None:
            _, version = await tx.load(toy.COUNTER, counter)
            await tx.append(toy.COUNTER.stream(counter), version + racing[0] * 3, [toy.Counted(1)])

        async def once(event: Heard[SiteConnected], tx: Transaction) -> None:
            attempts.append(1)
            racing[0] = len(attempts) < 4
            await append(event, tx)

        attempts: list[int] = []
        inbox = Inbox(CONSUMER, "life-1", toy_database, listening(once))
        await inbox.take([source.message(account, new_id())])
        assert letters(toy_urls) == []
        assert len(heard(toy_urls)) == 1
        assert len(attempts) == 4


PAUSE = "SELECT extract(epoch FROM next_attempt_at - now()) FROM dead_letters"


def due(urls: ServiceUrls) -> None:
    with psycopg.connect(urls.owner) as connection:
        connection.execute("UPDATE dead_letters SET next_attempt_at = now() - interval '1 second'")


class TestUnreadable:
    async def test_it_goes_to_a_person_at_once(
        self, inbox: Inbox, source: Source, toy_urls: ServiceUrls
    ) -> None:
        account, id = new_id(), new_id()
        whole = (
            ("ce_accountid", str(account).encode()),
            ("ce_id", str(id).encode()),
            ("ce_subject", b"integration-7"),
        )
        nameless = source.broken()
        await inbox.take([source.broken(*whole), nameless, source.message(account, new_id())])
        await inbox.take([nameless])
        kept = rows(toy_urls, "SELECT account_id, state, payload FROM dead_letters ORDER BY id")
        assert {row[0] for row in kept} == {account, SYSTEM_ACCOUNT}
        assert [row[1:] for row in kept] == [("dead", b"{")] * 2
        assert len(heard(toy_urls)) == 1

    async def test_also_where_its_neighbour_is_poison(
        self, source: Source, toy_database: Database, toy_urls: ServiceUrls
    ) -> None:
        async def poison(event: Heard[SiteConnected], tx: Transaction) -> None:
            raise ValueError("cannot be handled")

        inbox = Inbox(CONSUMER, "life-1", toy_database, listening(poison))
        await inbox.take([source.broken(), source.message(new_id(), new_id())])
        assert sorted(letter[1] for letter in letters(toy_urls)) == ["dead", "retrying"]


class TestAway:
    """The database is away at some point of a batch: nothing was taken, and the batch comes again."""

    @pytest.mark.parametrize("at", [1, 2, 3])
    async def test_nothing_is_left_of_it(
        self, at: int, source: Source, toy_database: Database, toy_urls: ServiceUrls, postgres: PostgresServer
    ) -> None:
        """1: in the whole batch. 2: in its poisoned account's part. 3: in the poisoned event's own."""
        name = rows(toy_urls, "SELECT current_database()")[0][0]
        bad, account, before = new_id(), new_id(), new_id()
        handled = 0

        async def cut(event: Heard[SiteConnected], tx: Transaction) -> None:
            nonlocal handled
            if event.data.site_id != bad:
                return
            handled += 1
            if handled == at:
                with psycopg.connect(postgres.url, autocommit=True) as connection:
                    connection.execute(
                        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
                        (name,),
                    )
                await tx.scalar("SELECT 1")
            if handled < 4:
                raise ValueError("cannot be handled")

        advanced: list[int] = []
        inbox = Inbox(CONSUMER, "life-1", toy_database, listening(cut), advanced=lambda: advanced.append(1))
        messages = [source.message(account, before), source.message(account, bad)]
        with pytest.raises(psycopg.OperationalError):
            await inbox.take(messages)
        assert advanced == []
        assert await next_offsets(inbox) == {}
        assert letters(toy_urls) == []
        handled = 10
        await inbox.take(messages)
        assert [subject for subject, _ in heard(toy_urls)] == [f"integration-{before}", f"integration-{bad}"]
        assert advanced == [1]

    async def test_a_retry_does_not_count_it(
        self, source: Source, toy_database: Database, toy_urls: ServiceUrls
    ) -> None:
        failing: list[Exception] = [ValueError("cannot be handled")] * 3

        async def poison(event: Heard[SiteConnected], tx: Transaction) -> None:
            if failing:
                raise failing.pop()

        reactions = listening(poison)
        inbox = Inbox(CONSUMER, "life-1", toy_database, reactions)
        await inbox.take([source.message(new_id(), new_id())])
        assert [letter[1:] for letter in letters(toy_urls)] == [("retrying", 1)]
        failing.append(psycopg.errors.AdminShutdown())
        due(toy_urls)
        retrier = Retrier(CONSUMER, toy_database, reactions)
        with pytest.raises(psycopg.errors.AdminShutdown):
            await retrier.retry_due()
        assert [letter[1:] for letter in letters(toy_urls)] == [("retrying", 1)]


async def test_a_letter_that_somebody_else_tries_is_left_to_him(
    source: Source, toy_database: Database, toy_urls: ServiceUrls
) -> None:
    async def poison(event: Heard[SiteConnected], tx: Transaction) -> None:
        raise ValueError("cannot be handled")

    reactions = listening(poison)
    await Inbox(CONSUMER, "life-1", toy_database, reactions).take([source.message(new_id(), new_id())])
    due(toy_urls)
    with psycopg.connect(toy_urls.owner) as connection:
        connection.execute("SELECT * FROM dead_letters FOR UPDATE")
        assert await Retrier(CONSUMER, toy_database, reactions).retry_due() == 0
    assert [letter[1:] for letter in letters(toy_urls)] == [("retrying", 1)]


@pytest.mark.parametrize("error", [psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected])
async def test_who_is_in_the_way_is_no_fault_of_a_letter(
    source: Source, toy_database: Database, toy_urls: ServiceUrls, error: type[Exception]
) -> None:
    failing: list[Exception] = [error(), ValueError("cannot be handled"), ValueError("cannot be handled")]

    async def poison(event: Heard[SiteConnected], tx: Transaction) -> None:
        if failing:
            raise failing.pop()

    reactions = listening(poison)
    await Inbox(CONSUMER, "life-1", toy_database, reactions).take([source.message(new_id(), new_id())])
    retrier = Retrier(CONSUMER, toy_database, reactions)
    due(toy_urls)
    assert await retrier.retry_due() == 0
    assert [letter[1:] for letter in letters(toy_urls)] == [("retrying", 1)]
    assert await retrier.retry_due() == 1
    assert letters(toy_urls) == []


async def test_a_lock_that_does_not_come_is_no_fault_of_the_batch(
    source: Source, toy_database: Database, toy_urls: ServiceUrls
) -> None:
    late = [psycopg.errors.LockNotAvailable()]

    async def wait(event: Heard[SiteConnected], tx: Transaction) -> None:
        if late:
            raise late.pop()

    inbox = Inbox(CONSUMER, "life-1", toy_database, listening(wait))
    messages = [source.message(new_id(), new_id())]
    with pytest.raises(psycopg.errors.LockNotAvailable):
        await inbox.take(messages)
    assert letters(toy_urls) == []
    await inbox.take(messages)
    assert len(heard(toy_urls)) == 1
