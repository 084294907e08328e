"""What happens to credits by time alone: reservations without an outcome and grants at their end expire.

One job per account waits for the account's next expiry, instead of one per reservation: most reservations are settled within
minutes, and a queue full of jobs that wait for hours would be read over at every fetch.
"""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from common.database import Database, Transaction
from common.eventsourcing.event import Event
from common.jobs.job import IMPORT, Job
from common.jobs.worker import JobHandler, Work
from common.views import uuid_column
from sqlalchemy.dialects.postgresql import insert

from billing import metadata
from billing.wallets import views
from billing.wallets.decisions import WALLET, ExpireGrant, ExpireReservation
from billing.wallets.events import CreditsGranted, CreditsReserved

EXPIRE = Job("expire_credits", time_limit=60, attempts=1_000_000, priority=IMPORT)
"""It is never given up: credits would stay reserved for good. The pauses between attempts are bounded."""

schedule = sa.Table(
    "expiry_schedule",
    metadata,
    uuid_column("account_id", primary_key=True),
    sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
)
"""When an account's job runs next. No view: it says what the queue holds, not what happened."""


async def schedule_expiry(tx: Transaction, events: Iterable[Event]) -> None:
    """Have the job run when the first of these reservations and grants ends, unless it will run earlier anyway."""
    ends = [
        event.expires_at
        for event in events
        if isinstance(event, CreditsReserved | CreditsGranted) and event.expires_at is not None
    ]
    if ends:
        await _run_at(tx, min(ends))


async def _run_at(tx: Transaction, due_at: datetime) -> None:
    statement = insert(schedule).values(account_id=tx.account_id, due_at=due_at)
    earlier = statement.on_conflict_do_update(
        index_elements=["account_id"],
        set_={"due_at": statement.excluded.due_at},
        where=schedule.c.due_at > statement.excluded.due_at,
    )
    if await tx.first(earlier.returning(schedule.c.due_at)):
        await EXPIRE.defer(
            await tx.reach(),
            account_id=tx.account_id,
            meta=tx.meta,
            arguments={"due_at": due_at.isoformat()},
            at=due_at,
        )


async def expire_due(tx: Transaction, due_at: datetime) -> None:
    """Expire what is due and wait for the next. Does nothing when another job has taken over since this one was deferred."""
    # The account's lock first, as the reactions take it: the other way round the two could wait for each other.
    await tx.load(WALLET, tx.account_id)
    mine = sa.delete(schedule).where(schedule.c.due_at == due_at).returning(schedule.c.due_at)
    if await tx.first(mine) is None:
        return
    now: datetime = await tx.scalar(sa.select(sa.func.now()))
    operations, grants = await views.due(tx)
    for operation_id in operations:
        await tx.handle(WALLET, tx.account_id, ExpireReservation(operation_id, now))
    for grant_id in grants:
        await tx.handle(WALLET, tx.account_id, ExpireGrant(grant_id, now))
    following = await views.next_expiry(tx)
    if following is not None:
        await _run_at(tx, following)


def handler(database: Database) -> JobHandler:
    async def run(work: Work) -> None:
        due_at = datetime.fromisoformat(work.arguments["due_at"])

        async def expire(tx: Transaction) -> None:
            await expire_due(tx, due_at)

        await database.run(work.account_id, expire, work.meta)

    return JobHandler(EXPIRE, run)
