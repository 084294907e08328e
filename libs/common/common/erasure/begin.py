"""Where an account's erasure begins in a service."""

from common.database import Transaction
from common.jobs.job import IMPORT, Job

ERASE_ACCOUNT = Job("erase_account", time_limit=900, attempts=100, priority=IMPORT)
"""What does not succeed at once (a broker or an object store that is away) is tried for more than an hour."""


async def begin(tx: Transaction) -> None:
    """From this transaction's end on nothing is recorded for its account; what there is goes in a job."""
    await tx.lock()
    await tx.execute(
        "INSERT INTO erased_accounts (account_id) VALUES (%(account)s) ON CONFLICT DO NOTHING",
        {"account": tx.account_id},
    )
    await tx.defer(ERASE_ACCOUNT)
