"""Users as a table, their sessions, and how one is found before the tenant is known."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from common.database import Row, Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import time_columns, uuid_column
from sqlalchemy.dialects.postgresql import insert

from gateway import metadata
from gateway.accounts.views import members
from gateway.users.decisions import USER
from gateway.users.events import (
    PasswordChanged,
    PlaceChosen,
    ProfileChanged,
    SignedIn,
    UserEvent,
    UserRegistered,
)

users = sa.Table(
    "users",
    metadata,
    uuid_column("account_id"),
    uuid_column("user_id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("email_index", sa.Text, nullable=False, unique=True),
    sa.Column("email_cipher", sa.Text, nullable=False),
    sa.Column("password_cipher", sa.Text, nullable=False),
    sa.Column("first_name_cipher", sa.Text, nullable=False),
    sa.Column("last_name_cipher", sa.Text, nullable=False),
    uuid_column("active_site", nullable=True),
    uuid_column("active_sector", nullable=True),
    sa.Column("last_login", sa.DateTime(timezone=True)),
    *time_columns(),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[UserEvent]]) -> None:
    for fact in recorded:
        user_id = UUID(fact.stream.partition("-")[2])
        match fact.event:
            case UserRegistered() as event:
                statement = insert(users).values(
                    account_id=fact.account_id,
                    user_id=user_id,
                    version=fact.version,
                    email_index=event.email_index,
                    email_cipher=event.email_cipher,
                    password_cipher=event.password_cipher,
                    first_name_cipher=event.first_name_cipher,
                    last_name_cipher=event.last_name_cipher,
                    created_at=fact.recorded_at,
                    updated_at=fact.recorded_at,
                )
                await sql.execute(statement.on_conflict_do_nothing(index_elements=["user_id"]))
            case ProfileChanged(first, last):
                await _change(
                    sql,
                    fact,
                    user_id,
                    first_name_cipher=first,
                    last_name_cipher=last,
                    updated_at=fact.recorded_at,
                )
            case PasswordChanged(password_cipher):
                await _change(
                    sql, fact, user_id, password_cipher=password_cipher, updated_at=fact.recorded_at
                )
            case PlaceChosen(site_id, sector_id):
                await _change(
                    sql,
                    fact,
                    user_id,
                    active_site=site_id,
                    active_sector=sector_id,
                    updated_at=fact.recorded_at,
                )
            case SignedIn():
                await _change(sql, fact, user_id, last_login=fact.recorded_at)
            case _:
                await _change(sql, fact, user_id)


async def _change(sql: Sql, fact: Recorded[UserEvent], user_id: UUID, **values: Any) -> None:
    await sql.execute(
        sa.update(users)
        .where(users.c.user_id == user_id, users.c.version < fact.version)
        .values(version=fact.version, **values)
    )


PROJECTION = Projection("users", (USER.category,), (users,), apply)


def members_of_account() -> "sa.Select[Any]":
    """Users with their standing (`role`, `is_active`, `site_ids`), which the accounts stream decides."""
    return sa.select(users, members.c.role, members.c.active.label("is_active"), members.c.site_ids).join(
        members, (members.c.account_id == users.c.account_id) & (members.c.user_id == users.c.user_id)
    )


async def user_row(sql: Sql, user_id: UUID) -> Row | None:
    return await sql.first(members_of_account().where(users.c.user_id == user_id))


async def find_by_email(sql: Sql, email_index: str) -> tuple[UUID, UUID] | None:
    """Account and user of an e-mail, across tenants: the one look-up before the tenant is known."""
    row = await sql.first("SELECT account_id, user_id FROM user_by_email(%(index)s)", {"index": email_index})
    return (row["account_id"], row["user_id"]) if row else None
