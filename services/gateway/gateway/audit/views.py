"""The audit log as a table. Its rows are no facts of an aggregate: `log.py` writes them, nothing changes them."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from common.views import uuid_column

from gateway import metadata

entries = sa.Table(
    "audit_entries",
    metadata,
    uuid_column("account_id"),
    uuid_column("id", primary_key=True),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    uuid_column("on_behalf_of", nullable=True),
    sa.Column("action", sa.Text, nullable=False),
    uuid_column("object_id", nullable=True),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("trace_id", sa.Text),
    sa.Column("ip_cipher", sa.Text),
    sa.Column("status", sa.Integer),
)

Outcome = Literal["succeeded", "refused", "failed", "unknown"]


def outcome_of(status: int | None) -> Outcome:
    """`unknown`: it is still running, its client left, or the gateway was killed before it could note the answer."""
    if status is None:
        return "unknown"
    return "succeeded" if status < 400 else "refused" if status < 500 else "failed"


_OUTCOMES: dict[Outcome, "sa.ColumnElement[bool]"] = {
    "unknown": entries.c.status.is_(None),
    "succeeded": entries.c.status < 400,
    "refused": entries.c.status.between(400, 499),
    "failed": entries.c.status >= 500,
}


def filtered(
    *,
    actor: str | None,
    action: str | None,
    object_id: UUID | None,
    request_id: str | None,
    outcome: Outcome | None,
    since: datetime | None,
    until: datetime | None,
) -> "sa.Select[Any]":
    """The account's entries with these properties; `action` is how theirs begins, `actor` may be the id alone."""
    query = sa.select(entries)
    if actor:
        query = query.where(entries.c.actor.in_([actor, f"user:{actor}", f"api_key:{actor}"]))
    if action:
        query = query.where(sa.func.starts_with(entries.c.action, action))
    if object_id:
        query = query.where(entries.c.object_id == object_id)
    if request_id:
        query = query.where(entries.c.request_id == request_id)
    if outcome:
        query = query.where(_OUTCOMES[outcome])
    if since:
        query = query.where(entries.c.at >= since)
    if until:
        query = query.where(entries.c.at < until)
    return query
