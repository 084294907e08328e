"""Staff as a table of the system account."""

from collections.abc import Sequence
from typing import assert_never
from uuid import UUID

import sqlalchemy as sa
from common.database import Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import put_rows, time_columns, uuid_column

from gateway import metadata
from gateway.staff.decisions import STAFF
from gateway.staff.events import StaffAdded, StaffEvent, StaffRemoved

staff = sa.Table(
    "staff",
    metadata,
    uuid_column("account_id"),
    uuid_column("user_id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    uuid_column("home_id"),
    sa.Column("active", sa.Boolean, nullable=False),
    *time_columns(),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[StaffEvent]]) -> None:
    for fact in recorded:
        match fact.event:
            case StaffAdded(user_id, home_id):
                await put_rows(sql, staff, fact, [{"user_id": user_id, "home_id": home_id, "active": True}])
            case StaffRemoved(user_id):
                await sql.execute(
                    sa.update(staff)
                    .where(staff.c.user_id == user_id, staff.c.version < fact.version)
                    .values(version=fact.version, updated_at=fact.recorded_at, active=False)
                )
            case _:
                assert_never(fact.event)


PROJECTION = Projection("staff", (STAFF.category,), (staff,), apply)


async def is_staff(sql: Sql, user_id: UUID, home_id: UUID) -> bool:
    """In a transaction of the system account."""
    query = sa.select(staff.c.active).where(staff.c.user_id == user_id, staff.c.home_id == home_id)
    return bool(await sql.scalar(query))
