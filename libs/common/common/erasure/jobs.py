"""Removing what a service has of an erased account: objects, facts, rows, waiting jobs.

Each step can be done again; a crash anywhere only makes the next attempt begin with less.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import structlog

from common.api.runtime import RuntimeOf
from common.crash_points import crash_point
from common.database import Transaction
from common.erasure.begin import ERASE_ACCOUNT
from common.jobs.worker import JobHandler, NotYet, Work

log = structlog.get_logger()

Forget = Callable[[UUID], Awaitable[None]]
ROWS_A_TRANSACTION = 5_000
POSITIONS_A_TRANSACTION = 50_000
"""Looked at, whoever's facts they are: well below a second."""
LAST_SWEEP = timedelta(minutes=20)
"""A job that was running can no longer record anything, but it can still put a body into the object store: it has ended by
then, for no job may run longer than 15 minutes."""
SAID_SECONDS = 1.0


async def _nothing(_account_id: UUID) -> None:
    return None


def handler(runtime: RuntimeOf, forget: Forget = _nothing) -> JobHandler:
    """The job that `begin` asks for. `forget` removes what a service has beside its database and the object store."""

    async def run(work: Work) -> None:
        account_id = work.account_id
        crash_point("erasure.before_secrets")
        await forget(account_id)
        crash_point("erasure.after_secrets")
        bodies = await runtime.objects.of(account_id).clear()
        crash_point("erasure.after_bodies")
        await _erase_events(runtime, account_id)
        crash_point("erasure.after_facts")
        rows = await _erase_rows(runtime, account_id)
        crash_point("erasure.after_rows")
        if not work.arguments.get("last"):

            async def once_more(tx: Transaction) -> None:
                now = await tx.scalar("SELECT now()")
                await ERASE_ACCOUNT.defer(
                    await tx.reach(),
                    account_id=account_id,
                    meta=work.meta,
                    arguments={"last": True},
                    at=now + LAST_SWEEP,
                )

            await runtime.database.run(account_id, once_more, work.meta)
            crash_point("erasure.after_order")
        log.info("account_erased", account_id=str(account_id), rows=rows, bodies=bodies)

    return JobHandler(ERASE_ACCOUNT, run)


async def _erase_events(runtime: RuntimeOf, account_id: UUID) -> None:
    """Raises `NotYet` while some of them still wait to be said."""
    async with runtime.database.transaction(account_id) as tx:
        last = int(await tx.scalar("SELECT last_position()"))
    waiting = 0
    for first in range(0, last + 1, POSITIONS_A_TRANSACTION):
        async with runtime.database.transaction(account_id) as tx:
            waiting += int(
                await tx.scalar(
                    "SELECT erase_events(%(first)s, %(last)s)",
                    {"first": first, "last": first + POSITIONS_A_TRANSACTION - 1},
                )
            )
    if waiting:
        raise NotYet(f"{waiting} facts of the account are still to be said", SAID_SECONDS)


async def _erase_rows(runtime: RuntimeOf, account_id: UUID) -> int:
    total = 0
    while True:
        async with runtime.database.transaction(account_id) as tx:
            gone = int(await tx.scalar("SELECT erase_rows(%(most)s)", {"most": ROWS_A_TRANSACTION}))
        if gone == 0:
            return total
        total += gone
