"""The wallet behind the inbox, on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from billing.app import publish_default_card
from billing.wallets import jobs, reactions, views
from billing.wallets.decisions import WALLET, ExpireReservation, GrantCredits
from billing.wallets.reactions import handle
from common.contracts.operations import AIOperationCancelled, AIOperationFailed
from common.database import Transaction
from common.eventsourcing.event import Meta
from common.ids import SYSTEM_ACCOUNT, new_id
from common.jobs.worker import JobWorker, Work

from tests.integration.billing.conftest import Account, Billing, registered, requested, written
from tests.support.database import ServiceUrls
from tests.support.events import stored


async def test_a_trial_account_gets_its_credits_once(billing: Billing) -> None:
    account = Account()
    await billing.hear(account, registered(account), registered(account), again=2)
    assert await billing.balance(account) == {"balance": 200, "reserved": 0, "available": 200}


async def test_other_accounts_get_none(billing: Billing) -> None:
    account = Account()
    await billing.hear(account, registered(account, "active"))
    assert await billing.balance(account) == {"balance": 0, "reserved": 0, "available": 0}


async def test_an_operation_reserves_settles_and_releases(billing: Billing, account: Account) -> None:
    operation, first, second = new_id(), new_id(), new_id()
    await billing.hear(account, requested(operation, first, second))
    assert await billing.balance(account) == {"balance": 200, "reserved": 4, "available": 196}
    await billing.hear(account, written(operation, first), again=2)
    assert await billing.balance(account) == {"balance": 198.5, "reserved": 2.5, "available": 196}
    await billing.hear(account, written(operation, second, words=100))
    assert await billing.balance(account) == {"balance": 198, "reserved": 0, "available": 198}


async def test_the_same_outcome_as_a_new_event_charges_nothing_more(
    billing: Billing, account: Account
) -> None:
    operation, item = new_id(), new_id()
    await billing.hear(account, requested(operation, item), requested(operation, item))
    await billing.hear(
        account, written(operation, item), written(operation, item), requested(operation, item)
    )
    assert await billing.balance(account) == {"balance": 198.5, "reserved": 0, "available": 198.5}
    assert await billing.said(account, "CreditsDeducted") == 1


async def test_failed_and_cancelled_operations_cost_nothing(billing: Billing, account: Account) -> None:
    one, two, item = new_id(), new_id(), new_id()
    failed = AIOperationFailed(
        operation_id=one, function="generate_content", item_id=item, error_code="X", message="no",
        provider_cost_micro_usd=9,
    )  # fmt: skip
    cancelled = AIOperationCancelled(operation_id=two, function="generate_content", reason="by the user")
    await billing.hear(account, requested(one, item), requested(two, item), failed, cancelled)
    assert await billing.balance(account) == {"balance": 200, "reserved": 0, "available": 200}
    usage = (await billing.get(account, "/usage/")).json()["data"]["results"]
    assert [(row["outcome"], row["credits_used"], row["cost_usd"]) for row in usage] == [
        ("failed", 0, 0.000009)
    ]


async def test_an_outcome_without_its_request_waits_in_the_dead_letters(
    billing: Billing, account: Account
) -> None:
    await billing.hear(account, written(new_id(), new_id()))
    assert (await billing.balance(account))["balance"] == 200
    async with billing.database.transaction(account.id) as tx:
        assert "OperationUnknown" in await tx.scalar("SELECT error FROM dead_letters")


async def test_of_100_racing_reservations_exactly_those_that_fit_succeed(billing: Billing) -> None:
    account = Account()
    ten = GrantCredits(new_id(), "purchase", 20_000)
    await billing.database.run(account.id, lambda tx: handle(tx, ten))
    await asyncio.gather(
        *(billing.hear(account, requested(new_id(), new_id(), words=1_000)) for _ in range(100))
    )
    assert await billing.said(account, "CreditsReserved") == 10
    assert await billing.said(account, "CreditsRefused") == 90
    assert await billing.balance(account) == {"balance": 20, "reserved": 20, "available": 0}


async def _jobs(billing: Billing) -> int:
    async with billing.database.transaction(None) as tx:
        return int(await tx.scalar("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'"))


async def test_one_job_waits_for_all_reservations_of_an_account(billing: Billing, account: Account) -> None:
    for _ in range(5):
        await billing.hear(account, requested(new_id(), new_id()), requested(new_id(), new_id()))
    assert await _jobs(billing) == 1
    async with billing.database.transaction(account.id) as tx:
        due_at = await tx.scalar(sa.select(jobs.schedule.c.due_at))
        assert due_at == await tx.scalar(sa.select(sa.func.min(views.reservations.c.expires_at)))


async def test_a_grant_expires_by_its_job_and_what_is_reserved_does_not(
    billing: Billing, urls: ServiceUrls
) -> None:
    account, operation, item = Account(), new_id(), new_id()
    now = datetime.now(UTC)
    soon = GrantCredits(new_id(), "plan", 10_000, expires_at=now + timedelta(seconds=3))
    await billing.database.run(account.id, lambda tx: handle(tx, soon))
    await billing.hear(account, requested(operation, item))
    async with _worker(billing, urls):
        await billing.until_said(account, "CreditsExpired", seconds=20)
    assert await billing.balance(account) == {"balance": 2, "reserved": 2, "available": 0}
    await billing.hear(account, written(operation, item))
    assert await billing.balance(account) == {"balance": 0, "reserved": 0, "available": 0}
    assert await _jobs(billing) >= 1, "the reservation still waited for its own end"


async def test_a_reservation_expires_by_its_job(
    billing: Billing, urls: ServiceUrls, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reactions, "RESERVATION_LASTS", timedelta(milliseconds=300))
    await billing.hear(account, requested(new_id(), new_id()))
    assert (await billing.balance(account))["reserved"] == 2
    async with _worker(billing, urls):
        await billing.until_said(account, "CreditsReleased", seconds=20)
    assert await billing.balance(account) == {"balance": 200, "reserved": 0, "available": 200}
    assert (await billing.get(account, "/credits/reservations/")).json()["data"]["count"] == 0


@asynccontextmanager
async def _worker(billing: Billing, urls: ServiceUrls) -> AsyncIterator[None]:
    worker = JobWorker(urls.service, (jobs.handler(billing.database),))
    running = asyncio.create_task(worker.run(lambda: None))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_reservation_expires_and_a_late_outcome_is_charged_once(billing: Billing) -> None:
    account, late, other, item = Account(), new_id(), new_id(), new_id()
    grant = GrantCredits(new_id(), "purchase", 2_500)
    await billing.database.run(account.id, lambda tx: handle(tx, grant))
    await billing.hear(account, requested(late, item))
    await _expire_reservation(billing, account, late)
    assert await billing.balance(account) == {"balance": 2.5, "reserved": 0, "available": 2.5}
    await billing.hear(account, requested(other, item))
    await billing.hear(account, written(late, item, words=1_000), written(late, item, words=1_000))
    assert await billing.balance(account) == {"balance": 2, "reserved": 2, "available": 0}
    assert await billing.said(account, "CreditsWrittenOff") == 1
    usage = (await billing.get(account, "/usage/")).json()["data"]["results"]
    assert usage[0]["details"]["item"]["written_off"] == 1.5


async def _expire_reservation(billing: Billing, account: Account, operation_id: Any) -> None:
    async def expire(tx: Transaction) -> None:
        await handle(tx, ExpireReservation(operation_id, datetime.now(UTC) + timedelta(hours=3)))

    await billing.database.run(account.id, expire)


async def test_an_outdated_expiry_job_does_nothing(billing: Billing, account: Account) -> None:
    await billing.hear(account, requested(new_id(), new_id()))
    run = jobs.handler(billing.database).run
    long_ago = {"due_at": "2020-01-01T00:00:00+00:00"}
    await run(Work(account.id, Meta(), long_ago, 1))
    assert await _jobs(billing) == 1
    assert (await billing.balance(account))["reserved"] == 2


async def test_the_card_is_published_once(billing: Billing) -> None:
    await asyncio.gather(*(publish_default_card(billing.database) for _ in range(3)))
    async with billing.database.transaction(SYSTEM_ACCOUNT) as tx:
        assert await tx.scalar("SELECT count(*) FROM events") == 1
        assert await tx.scalar("SELECT count(*) FROM outbox") == 1


async def test_views_applied_twice_change_nothing(billing: Billing, account: Account) -> None:
    operation, item, gone = new_id(), new_id(), new_id()
    grant = GrantCredits(new_id(), "plan", 5_000, expires_at=datetime.now(UTC) + timedelta(days=1))
    await billing.database.run(account.id, lambda tx: handle(tx, grant))
    await billing.hear(account, requested(operation, item), requested(gone, item), written(operation, item))
    await _expire_reservation(billing, account, gone)
    before = await _rows(billing, account)
    assert all(before.values()), "every view has something to compare"
    async with billing.database.transaction(account.id) as tx:
        facts = await stored(tx, WALLET.types, f"{WALLET.category}-%")
        await views.apply(tx, facts)
        for fact in facts:
            await views.apply(tx, [fact])
    assert await _rows(billing, account) == before


async def _rows(billing: Billing, account: Account) -> dict[str, list[Any]]:
    async with billing.database.transaction(account.id) as tx:
        return {
            table.name: sorted(map(repr, await tx.all(sa.select(table)))) for table in views.PROJECTION.tables
        }


@pytest.mark.parametrize("table", [table.name for table in views.PROJECTION.tables] + ["expiry_schedule"])
async def test_without_a_tenant_no_row_is_seen(billing: Billing, account: Account, table: str) -> None:
    async with billing.database.transaction(None) as tx:
        assert await tx.scalar(f"SELECT count(*) FROM {table}") == 0
