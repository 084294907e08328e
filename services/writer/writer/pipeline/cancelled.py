"""The replica of cancelled pipeline runs: what was still to be handed over by their rule stays here."""

from uuid import UUID

import sqlalchemy as sa
from common.database import Sql, Transaction
from common.views import uuid_column
from sqlalchemy.dialects.postgresql import insert

from writer import metadata

replica_cancelled_runs = sa.Table(
    "replica_cancelled_runs",
    metadata,
    uuid_column("account_id"),
    uuid_column("run_id", primary_key=True),
)


async def note_cancelled(tx: Transaction, run_id: UUID) -> None:
    """Once, however often it is heard."""
    row = {"account_id": tx.account_id, "run_id": run_id}
    await tx.execute(insert(replica_cancelled_runs).values(**row).on_conflict_do_nothing())


async def is_cancelled(sql: Sql, run_id: UUID | None) -> bool:
    """Whether that run was cancelled; what belongs to no run never is."""
    found = sa.select(replica_cancelled_runs.c.run_id).where(replica_cancelled_runs.c.run_id == run_id)
    return run_id is not None and await sql.first(found) is not None
