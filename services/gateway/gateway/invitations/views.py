"""Invitations as a table. `state` is `pending`, `accepted` or `revoked`; that one has ended, its time says."""

from collections.abc import Sequence
from typing import assert_never
from uuid import UUID

import sqlalchemy as sa
from common.api.errors import not_found
from common.database import Row, Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import change_rows, put_rows, time_columns, uuid_column
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from gateway import metadata
from gateway.invitations.decisions import INVITATION
from gateway.invitations.events import (
    InvitationAccepted,
    InvitationChanged,
    InvitationEvent,
    InvitationResent,
    InvitationRevoked,
    MemberInvited,
)

invitations = sa.Table(
    "invitations",
    metadata,
    uuid_column("account_id"),
    uuid_column("id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("email_index", sa.Text, nullable=False),
    sa.Column("email_cipher", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("site_ids", sa.ARRAY(PgUUID(as_uuid=True)), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("sending", sa.Integer, nullable=False),
    uuid_column("invited_by", nullable=True),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    *time_columns(),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[InvitationEvent]]) -> None:
    for fact in recorded:
        await _apply(sql, fact, UUID(fact.stream.partition("-")[2]))


async def _apply(sql: Sql, fact: Recorded[InvitationEvent], id: UUID) -> None:
    event = fact.event
    match event:
        case MemberInvited():
            row = {
                "id": id,
                "email_index": event.email_index,
                "email_cipher": event.email_cipher,
                "role": event.role,
                "site_ids": list(event.site_ids),
                "state": "pending",
                "sending": 1,
                "invited_by": event.invited_by,
                "expires_at": event.expires_at,
            }
            await put_rows(sql, invitations, fact, [row])
        case InvitationChanged(role, site_ids):
            await change_rows(sql, invitations, fact, [id], role=role, site_ids=list(site_ids))
        case InvitationResent(sending, expires_at):
            await change_rows(sql, invitations, fact, [id], sending=sending, expires_at=expires_at)
        case InvitationRevoked():
            await change_rows(sql, invitations, fact, [id], state="revoked")
        case InvitationAccepted():
            await change_rows(sql, invitations, fact, [id], state="accepted")
        case _:
            assert_never(event)


PROJECTION = Projection("invitations", (INVITATION.category,), (invitations,), apply)

ROWS = sa.select(invitations, (invitations.c.expires_at <= sa.func.now()).label("expired"))


async def open_invitations(sql: Sql) -> int:
    """How many can still be accepted. Under the account's lock: whoever accepts later looks at a later clock."""
    pending = (invitations.c.state == "pending") & (invitations.c.expires_at > sa.func.clock_timestamp())
    return int(await sql.scalar(sa.select(sa.func.count()).select_from(invitations).where(pending)))


async def is_invited(sql: Sql, email_index: str, *, besides: UUID) -> bool:
    """Whether an invitation of this address, other than `besides`, was neither accepted nor revoked."""
    pending = (invitations.c.state == "pending") & (invitations.c.email_index == email_index)
    return (
        await sql.scalar(sa.select(invitations.c.id).where(pending, invitations.c.id != besides)) is not None
    )


async def invitation_row(sql: Sql, invitation_id: UUID) -> Row:
    """Raises 404."""
    row = await sql.first(ROWS.where(invitations.c.id == invitation_id))
    if row is None:
        raise not_found("Invitation", invitation_id)
    return row
