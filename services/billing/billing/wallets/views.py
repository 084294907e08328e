"""The wallet as tables: its standing, its transactions, usage, what is reserved, what a month has used. Amounts are millicredits.

A transaction and the usage behind it have the id of the fact they come from, so "why was I charged" is a join.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from common.contracts.billing import MonthlyUse
from common.database import Row, Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.plan_limits import month_of, used_in
from common.views import upsert_rows, uuid_column
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from billing import metadata
from billing.wallets.decisions import WALLET
from billing.wallets.events import (
    CreditsDeducted,
    CreditsExpired,
    CreditsGranted,
    CreditsRefused,
    CreditsReleased,
    CreditsReserved,
    CreditsWithdrawn,
    CreditsWrittenOff,
)

wallets = sa.Table(
    "wallets",
    metadata,
    uuid_column("account_id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("balance", sa.BigInteger, nullable=False),
    sa.Column("reserved", sa.BigInteger, nullable=False),
    sa.Column("available", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
)
grants = sa.Table(
    "credit_grants",
    metadata,
    uuid_column("account_id"),
    uuid_column("grant_id"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True)),
    sa.Column("lapsed", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint("account_id", "grant_id"),
)
transactions = sa.Table(
    "credit_transactions",
    metadata,
    uuid_column("account_id"),
    uuid_column("id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("balance_after", sa.BigInteger, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("reference", sa.Text),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
)
usage_log = sa.Table(
    "usage_log",
    metadata,
    uuid_column("account_id"),
    uuid_column("id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    uuid_column("operation_id"),
    uuid_column("item_id", nullable=True),
    uuid_column("run_id", nullable=True),
    uuid_column("site_id", nullable=True),
    sa.Column("operation_type", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("credits_used", sa.BigInteger, nullable=False),
    sa.Column("cost_micro_usd", sa.BigInteger, nullable=False),
    sa.Column("details", JSONB, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
)
reservations = sa.Table(
    "reservations",
    metadata,
    uuid_column("account_id"),
    uuid_column("operation_id"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("function", sa.Text, nullable=False),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("held", sa.BigInteger, nullable=False),
    sa.Column("expired", sa.Boolean, nullable=False),
    sa.Column("card_version", sa.Integer, nullable=False),
    sa.Column("origin", JSONB, nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint("account_id", "operation_id"),
)
monthly_use = sa.Table(
    "monthly_use",
    metadata,
    uuid_column("account_id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("month", sa.Text, nullable=False),
    sa.Column("ai_requests", sa.BigInteger, nullable=False),
    sa.Column("words", sa.BigInteger, nullable=False),
    sa.Column("images", sa.BigInteger, nullable=False),
)
"""Of the last month in which anything was reserved."""

_GRANT_TYPES = {"purchase": "purchase", "refund": "refund"}
"""Plan grants and promotions are adjustments with their kind (PRODUCT §4)."""


class _Rows:
    """What a batch of facts changes, by table."""

    def __init__(self) -> None:
        self.standings: dict[UUID, dict[str, Any]] = {}
        self.months: dict[UUID, dict[str, Any]] = {}
        self.grants: list[dict[str, Any]] = []
        self.lapsed: list[dict[str, Any]] = []
        self.transactions: list[dict[str, Any]] = []
        self.usage: list[dict[str, Any]] = []
        self.reserved: list[dict[str, Any]] = []
        self.held: dict[tuple[UUID, UUID], dict[str, Any]] = {}
        self.expired: list[dict[str, Any]] = []

    def take(self, fact: Recorded[Any]) -> None:
        event = fact.event
        match event:
            case CreditsRefused() | CreditsWrittenOff():
                return
            case CreditsGranted():
                self.grants.append(
                    {
                        "account_id": fact.account_id,
                        "grant_id": event.grant_id,
                        "kind": event.kind,
                        "amount": event.amount,
                        "expires_at": event.expires_at,
                        "lapsed": False,
                        "created_at": fact.recorded_at,
                    }
                )
                self._transaction(
                    fact,
                    _GRANT_TYPES.get(event.kind, "adjustment"),
                    event.kind,
                    event.amount,
                    event.description,
                    event.reference or str(event.grant_id),
                    event.granted_by,
                )
            case CreditsReserved():
                self.reserved.append(
                    {
                        "account_id": fact.account_id,
                        "operation_id": event.operation_id,
                        "version": fact.version,
                        "function": event.function,
                        "items": len(event.items),
                        "amount": event.amount,
                        "held": event.amount,
                        "expired": False,
                        "card_version": event.card_version,
                        "origin": msgspec.to_builtins(event.origin),
                        "expires_at": event.expires_at,
                        "created_at": fact.recorded_at,
                    }
                )
            case CreditsDeducted():
                self._holds(fact)
                self._used(fact)
                if event.amount:
                    user = event.origin.user_id
                    self._transaction(
                        fact,
                        "usage",
                        event.function,
                        -event.amount,
                        f"{event.function}: {event.charge.units} {event.charge.kind}",
                        str(event.operation_id),
                        f"user:{user}" if user else "system",
                    )
            case CreditsReleased():
                self._holds(fact)
                if event.reason == "failed":
                    self._failed(fact)
                if event.reason == "expired":
                    self.expired.append(
                        {"b_account_id": fact.account_id, "b_operation_id": event.operation_id}
                    )
            case CreditsExpired():
                self.lapsed.append({"b_account_id": fact.account_id, "b_grant_id": event.grant_id})
                if event.amount:
                    self._transaction(
                        fact,
                        "adjustment",
                        "expiry",
                        -event.amount,
                        "Credits expired",
                        str(event.grant_id),
                        "system",
                    )
            case CreditsWithdrawn():
                self._transaction(
                    fact,
                    "adjustment",
                    "adjustment",
                    -event.amount,
                    event.description,
                    str(event.adjustment_id),
                    event.withdrawn_by,
                )
        self.standings[fact.account_id] = {
            "account_id": fact.account_id,
            "version": fact.version,
            "balance": event.balance,
            "reserved": event.balance - event.available,
            "available": event.available,
            "updated_at": fact.recorded_at,
        }
        used: MonthlyUse | None = getattr(event, "used", None)
        if used is not None:
            self.months[fact.account_id] = {
                "account_id": fact.account_id,
                "version": fact.version,
                **msgspec.structs.asdict(used),
            }

    def _holds(self, fact: Recorded[Any]) -> None:
        self.held[fact.account_id, fact.event.operation_id] = {
            "b_account_id": fact.account_id,
            "b_operation_id": fact.event.operation_id,
            "b_version": fact.version,
            "b_held": fact.event.held,
        }

    def _transaction(
        self,
        fact: Recorded[Any],
        type: str,
        kind: str,
        amount: int,
        description: str,
        reference: str,
        created_by: str,
    ) -> None:
        self.transactions.append(
            {
                "account_id": fact.account_id,
                "id": fact.event_id,
                "version": fact.version,
                "type": type,
                "kind": kind,
                "amount": amount,
                "balance_after": fact.event.balance,
                "description": description,
                "reference": reference,
                "created_by": created_by,
                "created_at": fact.recorded_at,
            }
        )

    def _used(self, fact: Recorded[CreditsDeducted]) -> None:
        event = fact.event
        self.usage.append(
            {
                "account_id": fact.account_id,
                "id": fact.event_id,
                "version": fact.version,
                "operation_id": event.operation_id,
                "item_id": event.item_id,
                "run_id": event.origin.run_id,
                "site_id": event.origin.site_id,
                "operation_type": event.function,
                "outcome": "charged",
                "credits_used": event.amount,
                "cost_micro_usd": event.usage.cost_micro_usd,
                "details": msgspec.to_builtins(
                    {
                        "charge": event.charge,
                        "card_version": event.card_version,
                        "price": event.price,
                        "maximum": event.maximum,
                        "usage": event.usage,
                        "grants": event.shares,
                        "origin": event.origin,
                    }
                ),
                "created_at": fact.recorded_at,
            }
        )

    def _failed(self, fact: Recorded[CreditsReleased]) -> None:
        """A failed operation costs no credits; what its provider cost is still known."""
        event = fact.event
        self.usage.append(
            {
                "account_id": fact.account_id,
                "id": fact.event_id,
                "version": fact.version,
                "operation_id": event.operation_id,
                "item_id": event.items[0] if len(event.items) == 1 else None,
                "run_id": None,
                "site_id": None,
                "operation_type": event.function,
                "outcome": "failed",
                "credits_used": 0,
                "cost_micro_usd": event.provider_cost_micro_usd,
                "details": msgspec.to_builtins({"error_code": event.error_code, "items": event.items}),
                "created_at": fact.recorded_at,
            }
        )


async def apply(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
    rows = _Rows()
    for fact in recorded:
        rows.take(fact)
    await sql.execute_many(_UPSERT_WALLET, list(rows.standings.values()))
    await upsert_rows(sql, monthly_use, list(rows.months.values()), newer_by="version")
    await sql.execute_many(_INSERT_GRANT, rows.grants)
    await sql.execute_many(_LAPSE_GRANT, rows.lapsed)
    await sql.execute_many(_INSERT_TRANSACTION, rows.transactions)
    await sql.execute_many(_INSERT_USAGE, rows.usage)
    await sql.execute_many(_INSERT_RESERVATION, rows.reserved)
    await sql.execute_many(_HOLD, list(rows.held.values()))
    await sql.execute_many(_EXPIRE_RESERVATION, rows.expired)


_wallet = insert(wallets)
_UPSERT_WALLET = _wallet.on_conflict_do_update(
    index_elements=["account_id"],
    set_={
        name: _wallet.excluded[name] for name in ("version", "balance", "reserved", "available", "updated_at")
    },
    where=wallets.c.version < _wallet.excluded.version,
)
_INSERT_GRANT = insert(grants).on_conflict_do_nothing()
_LAPSE_GRANT = (
    sa.update(grants)
    .where(
        grants.c.account_id == sa.bindparam("b_account_id"), grants.c.grant_id == sa.bindparam("b_grant_id")
    )
    .values(lapsed=True)
)
_INSERT_TRANSACTION = insert(transactions).on_conflict_do_nothing()
_INSERT_USAGE = insert(usage_log).on_conflict_do_nothing()
_INSERT_RESERVATION = insert(reservations).on_conflict_do_nothing()
_ITS_RESERVATION = sa.and_(
    reservations.c.account_id == sa.bindparam("b_account_id"),
    reservations.c.operation_id == sa.bindparam("b_operation_id"),
)
_HOLD = (
    sa.update(reservations)
    .where(_ITS_RESERVATION, reservations.c.version < sa.bindparam("b_version"))
    .values(version=sa.bindparam("b_version"), held=sa.bindparam("b_held"))
)
_EXPIRE_RESERVATION = sa.update(reservations).where(_ITS_RESERVATION).values(expired=True)

PROJECTION = Projection(
    "wallets",
    (WALLET.category,),
    (wallets, grants, transactions, usage_log, reservations, monthly_use),
    apply,
)


async def standing(sql: Sql) -> Row:
    """`balance`, `reserved`, `available` and when they last changed; an account that never had credits has none."""
    row = await sql.first(
        sa.select(wallets.c.balance, wallets.c.reserved, wallets.c.available, wallets.c.updated_at)
    )
    return row or {"balance": 0, "reserved": 0, "available": 0, "updated_at": None}


async def month_so_far(sql: Sql) -> MonthlyUse:
    """What is used of the month that it is by the database's clock."""
    now: datetime = await sql.scalar(sa.select(sa.func.now()))
    row = await sql.first(sa.select(*(monthly_use.c[name] for name in MonthlyUse.__struct_fields__)))
    return used_in(month_of(now), MonthlyUse(**row) if row else None)


async def due(sql: Sql) -> tuple[list[UUID], list[UUID]]:
    """Operations whose reservation, and grants whose life, has ended by the database's clock."""
    operations = await sql.all(
        sa.select(reservations.c.operation_id)
        .where(reservations.c.held > 0, reservations.c.expires_at <= sa.func.now())
        .order_by(reservations.c.expires_at, reservations.c.operation_id)
    )
    ended = await sql.all(
        sa.select(grants.c.grant_id)
        .where(~grants.c.lapsed, grants.c.expires_at <= sa.func.now())
        .order_by(grants.c.expires_at, grants.c.grant_id)
    )
    return [row["operation_id"] for row in operations], [row["grant_id"] for row in ended]


async def next_expiry(sql: Sql) -> datetime | None:
    """When the next of them will be; what is due by now does not count."""
    ends = sa.union_all(
        sa.select(reservations.c.expires_at).where(reservations.c.held > 0),
        sa.select(grants.c.expires_at).where(~grants.c.lapsed),
    ).subquery()
    found: datetime | None = await sql.scalar(
        sa.select(sa.func.min(ends.c.expires_at)).where(ends.c.expires_at > sa.func.now())
    )
    return found


def transaction_list(type: str | None) -> sa.Select[Any]:
    query = sa.select(transactions)
    return query if type is None else query.where(transactions.c.type == type)


def usage_list(operation_type: str | None, run_id: UUID | None) -> sa.Select[Any]:
    query = sa.select(usage_log)
    if operation_type is not None:
        query = query.where(usage_log.c.operation_type == operation_type)
    return query if run_id is None else query.where(usage_log.c.run_id == run_id)


async def usage_by_type(
    sql: Sql, since: datetime | None, until: datetime | None, run_id: UUID | None
) -> list[Row]:
    """Credits, provider cost, charged and failed items by operation type; `since` included, `until` not."""
    query = (
        sa.select(
            usage_log.c.operation_type,
            sa.func.sum(usage_log.c.credits_used).cast(sa.BigInteger).label("credits_used"),
            sa.func.sum(usage_log.c.cost_micro_usd).cast(sa.BigInteger).label("cost_micro_usd"),
            sa.func.count().filter(usage_log.c.outcome == "charged").label("charged"),
            sa.func.count().filter(usage_log.c.outcome == "failed").label("failed"),
        )
        .group_by(usage_log.c.operation_type)
        .order_by(usage_log.c.operation_type)
    )
    if since is not None:
        query = query.where(usage_log.c.created_at >= since)
    if until is not None:
        query = query.where(usage_log.c.created_at < until)
    if run_id is not None:
        query = query.where(usage_log.c.run_id == run_id)
    return await sql.all(query)


TIME = sa.DateTime(timezone=True)
ALL_ADJUSTMENTS = (
    sa.func.adjustments_of_all()
    .table_valued(
        sa.column("id", PgUUID(as_uuid=True)),
        sa.column("account_id", PgUUID(as_uuid=True)),
        sa.column("version", sa.Integer),
        sa.column("amount", sa.BigInteger),
        sa.column("balance_after", sa.BigInteger),
        sa.column("reason", sa.Text),
        sa.column("created_by", sa.Text),
        sa.column("created_at", TIME),
    )
    .alias("every")
)
"""A look across tenants, by a function of the database: the service's own role sees an account at a time."""


async def explain(sql: Sql, transaction_id: UUID) -> tuple[Row, Row | None, Row | None] | None:
    """A transaction, the usage it paid for and the reservation behind it; None for an unknown one."""
    found = await sql.first(sa.select(transactions).where(transactions.c.id == transaction_id))
    if found is None:
        return None
    usage = await sql.first(sa.select(usage_log).where(usage_log.c.id == transaction_id))
    if usage is None:
        return found, None, None
    reservation = await sql.first(
        sa.select(reservations).where(reservations.c.operation_id == usage["operation_id"])
    )
    return found, usage, reservation


def open_reservations() -> sa.Select[Any]:
    return sa.select(reservations).where(reservations.c.held > 0)
