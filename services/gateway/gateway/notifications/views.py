"""Notifications as a table, made from what other services say; what users read and want, made from their own facts.

A notification belongs to the account. Who may see it follows from its kind and its site when somebody looks.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from common.auth.permissions import may
from common.database import Sql, Transaction
from common.eventsourcing.event import Recorded
from common.ids import stable_id
from common.messaging.envelope import Heard
from common.model import Projection
from common.views import among, upsert_rows, uuid_column
from sqlalchemy.dialects.postgresql import insert

from gateway import metadata
from gateway.accounts.decisions import SEES_GRANTED_SITES
from gateway.activity.views import operations, runs
from gateway.notifications.decisions import NOTICES
from gateway.notifications.events import Channels, Kind, NoticesEvent, NotificationsRead, NotificationsWanted
from gateway.notifications.kinds import KINDS, Notice
from gateway.users.views import members_of_account, users

KEPT = 1_000
"""Of an account: nobody reads further back, and what happened itself is in the lists and in the audit log."""
MAILED_WITHIN = "1 day"
"""What is heard later than that (a broker that was away, a catch-up) is nobody's alarm any more."""

notifications = sa.Table(
    "notifications",
    metadata,
    uuid_column("account_id"),
    uuid_column("id", primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    uuid_column("site_id", nullable=True),
    uuid_column("task_id", nullable=True),
    uuid_column("content_id", nullable=True),
    uuid_column("member_id", nullable=True),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
)
notification_reads = sa.Table(
    "notification_reads",
    metadata,
    uuid_column("account_id", primary_key=True),
    uuid_column("user_id", primary_key=True),
    uuid_column("notification_id", primary_key=True),
)
notification_preferences = sa.Table(
    "notification_preferences",
    metadata,
    uuid_column("account_id", primary_key=True),
    uuid_column("user_id", primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("in_app", sa.Boolean, nullable=False),
    sa.Column("email", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)
REPLICAS = (notifications,)


async def apply(sql: Sql, recorded: Sequence[Recorded[NoticesEvent]]) -> None:
    for fact in recorded:
        match fact.event:
            case NotificationsRead(user_id, notification_ids):
                rows = [
                    {"account_id": fact.account_id, "user_id": user_id, "notification_id": id}
                    for id in notification_ids
                ]
                await sql.execute_many(_READ, rows)
            case NotificationsWanted(user_id, kind, in_app, email):
                row = {
                    "account_id": fact.account_id,
                    "user_id": user_id,
                    "kind": kind,
                    "in_app": in_app,
                    "email": email,
                    "version": fact.version,
                }
                await upsert_rows(sql, notification_preferences, [row], newer_by="version")


_READ = insert(notification_reads).on_conflict_do_nothing()

PROJECTION = Projection("notices", (NOTICES.category,), (notification_reads, notification_preferences), apply)


def stream_of(account_id: UUID, user_id: UUID) -> UUID:
    """The stream of a user's notifications: staff have one in each account they act on."""
    return stable_id(account_id, "notices", user_id)


def notification_id_of(event: Heard[Any], notice: Notice) -> UUID:
    return stable_id(notice.once_for or event.event_id, "notification")


async def keep(tx: Transaction, event: Heard[Any], notice: Notice) -> None:
    """Once, however often it is heard; the account's newest stay, in whatever order they come."""
    row = asdict(notice) | {
        "account_id": event.account_id,
        "id": notification_id_of(event, notice),
        "created_at": event.time,
    }
    del row["once_for"]
    await tx.execute(_KEEP, row)
    await tx.execute(
        "DELETE FROM notifications WHERE account_id = %(account)s AND (created_at, id) <= (SELECT created_at, id"
        " FROM notifications WHERE account_id = %(account)s ORDER BY created_at DESC, id DESC OFFSET %(kept)s LIMIT 1)",
        {"account": event.account_id, "kept": KEPT},
    )


_KEEP = insert(notifications)
_KEEP = _KEEP.on_conflict_do_update(
    index_elements=["id"],
    set_={"message": _KEEP.excluded.message, "created_at": _KEEP.excluded.created_at},
    where=sa.tuple_(_KEEP.excluded.created_at, _KEEP.excluded.message)
    > sa.tuple_(notifications.c.created_at, notifications.c.message),
)


async def mail_to(tx: Transaction, event: Heard[Any], notice: Notice) -> list[UUID]:
    """The users to mail it to: each is returned once, ever."""
    site_id = notice.site_id or (await _site_of(tx, notice.task_id) if notice.task_id else None)
    everywhere = notice.site_id is None and notice.task_id is None
    wanted = await _wanted_by_user(tx, notice.kind)
    to = [
        row["user_id"]
        for row in await tx.all(members_of_account())
        if row["is_active"]
        and row["created_at"] < event.time
        and may(row["role"], KINDS[notice.kind].permission)
        and (everywhere or row["role"] not in SEES_GRANTED_SITES or site_id in row["site_ids"])
        and wanted.get(row["user_id"], KINDS[notice.kind].channels).email
    ]
    if not to:
        return []
    await tx.execute(
        "DELETE FROM notification_mails WHERE at < now() - 2 * %(within)s::interval",
        {"within": MAILED_WITHIN},
    )
    rows = await tx.all(
        "INSERT INTO notification_mails (account_id, notification_id, user_id, at)"
        " SELECT %(account)s, %(id)s, unnest(%(to)s::uuid[]), %(at)s"
        " WHERE %(at)s > now() - %(within)s::interval ON CONFLICT DO NOTHING RETURNING user_id",
        {
            "account": event.account_id,
            "id": notification_id_of(event, notice),
            "to": to,
            "at": event.time,
            "within": MAILED_WITHIN,
        },
    )
    return [row["user_id"] for row in rows]


async def _site_of(sql: Sql, task_id: UUID) -> UUID | None:
    query = sa.union_all(
        sa.select(operations.c.site_id).where(operations.c.operation_id == task_id),
        sa.select(runs.c.site_id).where(runs.c.run_id == task_id),
    )
    found: UUID | None = await sql.scalar(query)
    return found


async def _wanted_by_user(sql: Sql, kind: Kind) -> dict[UUID, Channels]:
    rows = await sql.all(sa.select(notification_preferences).where(notification_preferences.c.kind == kind))
    return {row["user_id"]: Channels(row["in_app"], row["email"]) for row in rows}


async def wanted_by(sql: Sql, user_id: UUID) -> tuple[Mapping[Kind, Channels], int]:
    """What a user wants of every kind, and the version of that; 0 where nothing was ever said."""
    columns = notification_preferences.c
    rows = await sql.all(sa.select(notification_preferences).where(columns.user_id == user_id))
    said = {row["kind"]: Channels(row["in_app"], row["email"]) for row in rows}
    wanted = {kind: said.get(kind, of.channels) for kind, of in KINDS.items()}
    return wanted, max((row["version"] for row in rows), default=0)


def seen_by(user_id: UUID, role: str, site_ids: Collection[UUID] | None) -> "sa.ColumnElement[bool]":
    """What a member sees: of kinds for its role that it wants to see, of its sites, and since it is one."""
    kinds = [kind for kind, of in KINDS.items() if may(role, of.permission)]
    unwanted = sa.exists().where(
        notification_preferences.c.user_id == user_id,
        notification_preferences.c.kind == notifications.c.kind,
        ~notification_preferences.c.in_app,
    )
    before = sa.exists().where(users.c.user_id == user_id, users.c.created_at >= notifications.c.created_at)
    seen = notifications.c.kind.in_(kinds) & ~unwanted & ~before
    if site_ids is None:
        return seen
    of_operation = sa.exists().where(
        operations.c.operation_id == notifications.c.task_id, among(operations.c.site_id, site_ids)
    )
    of_run = sa.exists().where(runs.c.run_id == notifications.c.task_id, among(runs.c.site_id, site_ids))
    of_account = notifications.c.site_id.is_(None) & notifications.c.task_id.is_(None)
    return seen & (among(notifications.c.site_id, site_ids) | of_operation | of_run | of_account)


def read_by(user_id: UUID) -> "sa.ColumnElement[bool]":
    return sa.exists().where(
        notification_reads.c.user_id == user_id,
        notification_reads.c.notification_id == notifications.c.id,
    )
