"""Live updates: what happened, per account, kept for a while so that a client that reconnects misses nothing."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from common.contracts.control import ProgressReported
from common.database import Database, Row, Transaction
from common.messaging.envelope import Heard
from common.supervision import comes
from common.views import among, uuid_column
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from gateway import metadata
from gateway.activity.views import operations, runs

KEPT_EVENTS = 1_000
"""Of an account: more than a pipeline run of some hundred articles says in the time of a reconnection."""
HEARTBEAT_SECONDS = 15.0
"""Below the idle time-outs of common proxies (30 to 60 s)."""
STREAM_SECONDS = 300.0
"""Then a stream ends. Its client comes again, with `Last-Event-ID`, and is asked anew who it is and what it may see."""
PAGE = 200
KEPT_PROGRESS = 10_000
"""Operations whose latest step is kept in memory; 10,000 are a few megabytes."""

live_events = sa.Table(
    "live_events",
    metadata,
    uuid_column("account_id", primary_key=True),
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    uuid_column("event_id"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("data", JSONB, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)


@dataclass(eq=False)
class _Listener:
    """One open stream; `transient` holds what is said once and not kept."""

    wake: asyncio.Event = field(default_factory=asyncio.Event)
    transient: list[tuple[UUID, bytes]] = field(default_factory=list)
    """By the operation it is about."""


class LiveUpdates:
    """Fan-out inside this process. What is recorded wakes the account's streams after commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: dict[UUID, set[_Listener]] = {}
        self._touched: set[UUID] = set()
        self._progress: OrderedDict[UUID, ProgressReported] = OrderedDict()

    async def record(self, event: Heard[Any], tx: Transaction) -> None:
        """Keep an event for the account's streams; recording it again changes nothing."""
        await tx.execute(
            "INSERT INTO live_events (account_id, event_id, name, data, at)"
            " VALUES (%(account)s, %(event)s, %(name)s, %(data)s::jsonb, %(at)s)"
            " ON CONFLICT (account_id, event_id) DO NOTHING",
            {
                "account": event.account_id,
                "event": event.event_id,
                "name": type(event.data).__name__,
                "data": msgspec.json.encode(_brief(event.data)).decode(),
                "at": event.time,
            },
        )
        await tx.execute(
            "DELETE FROM live_events WHERE account_id = %(account)s AND id <= (SELECT id FROM live_events"
            " WHERE account_id = %(account)s ORDER BY id DESC OFFSET %(kept)s LIMIT 1)",
            {"account": event.account_id, "kept": KEPT_EVENTS},
        )
        # If the transaction is rolled back, streams wake for nothing.
        self._touched.add(event.account_id)

    def committed(self) -> None:
        """Called after each batch the consumer took."""
        touched, self._touched = self._touched, set()
        for account_id in touched:
            for listener in self._listeners.get(account_id, ()):
                listener.wake.set()

    def report(self, account_id: UUID, progress: ProgressReported) -> None:
        """Transient: kept in memory as the operation's latest step, and said to who listens now."""
        self._progress[progress.operation_id] = progress
        self._progress.move_to_end(progress.operation_id)
        if len(self._progress) > KEPT_PROGRESS:
            self._progress.popitem(last=False)
        frame = _frame("ProgressReported", msgspec.json.encode(progress))
        for listener in self._listeners.get(account_id, ()):
            if len(listener.transient) < PAGE:  # who does not read loses steps, not memory
                listener.transient.append((progress.operation_id, frame))
            listener.wake.set()

    def progress_of(self, operation_id: UUID) -> ProgressReported | None:
        return self._progress.get(operation_id)

    async def stream(
        self, account_id: UUID, after: int | None, site_ids: Collection[UUID] | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Server-sent events from the one after `after` on (None: from now on), for five minutes.

        With `site_ids` only of these sites, and of operations and runs of theirs.
        """
        ends = monotonic() + STREAM_SECONDS
        listener = _Listener()
        self._listeners.setdefault(account_id, set()).add(listener)
        try:
            last = await self._last(account_id) if after is None else after
            yield b"retry: 2000\n\n"
            while monotonic() < ends:
                listener.wake.clear()
                rows = await self._after(account_id, last, site_ids)
                for row in rows:
                    last = row["id"]
                    yield _frame(row["name"], msgspec.json.encode(row["data"]), last)
                transient, listener.transient = listener.transient, []
                shown = await self._of_sites(account_id, {id for id, _ in transient}, site_ids)
                for operation_id, frame in transient:
                    if operation_id in shown:
                        yield frame
                if len(rows) == PAGE:
                    continue
                if not await comes(listener.wake, HEARTBEAT_SECONDS):
                    yield b": still here\n\n"
        finally:
            listeners = self._listeners[account_id]
            listeners.discard(listener)
            if not listeners:
                del self._listeners[account_id]

    async def _last(self, account_id: UUID) -> int:
        async with self._database.transaction(account_id) as tx:
            return int(await tx.scalar(sa.select(sa.func.max(live_events.c.id))) or 0)

    async def _after(self, account_id: UUID, last: int, site_ids: Collection[UUID] | None) -> list[Row]:
        query = sa.select(live_events).where(live_events.c.id > last).order_by(live_events.c.id)
        if site_ids is not None:
            query = query.where(_about(site_ids))
        async with self._database.transaction(account_id) as tx:
            return await tx.all(query.limit(PAGE))

    async def _of_sites(
        self, account_id: UUID, operation_ids: set[UUID], site_ids: Collection[UUID] | None
    ) -> set[UUID]:
        """Those of the operations that belong to the sites; all where `site_ids` is None."""
        if site_ids is None or not operation_ids:
            return operation_ids
        columns = operations.c
        query = sa.select(columns.operation_id).where(
            among(columns.operation_id, operation_ids), among(columns.site_id, site_ids)
        )
        async with self._database.transaction(account_id) as tx:
            return {row["operation_id"] for row in await tx.all(query)}


def _about(site_ids: Collection[UUID]) -> "sa.ColumnElement[bool]":
    """The event names one of the sites, or an operation or a run of theirs."""
    said = live_events.c.data
    of_operation = sa.exists().where(
        operations.c.operation_id == sa.cast(said["operation_id"].astext, PgUUID(as_uuid=True)),
        among(operations.c.site_id, site_ids),
    )
    of_run = sa.exists().where(
        runs.c.run_id == sa.cast(said["run_id"].astext, PgUUID(as_uuid=True)), among(runs.c.site_id, site_ids)
    )
    return sa.case(
        (
            said["site_id"].astext.is_not(None),
            among(sa.cast(said["site_id"].astext, PgUUID(as_uuid=True)), site_ids),
        ),
        else_=of_operation | of_run,
    )


LONGEST_LIST = 20


def _brief(contract: Any) -> dict[str, Any]:
    """The event without its long lists: a client that wants them asks for the resource."""
    fields = msgspec.to_builtins(contract)
    return {
        name: value
        for name, value in fields.items()
        if not (isinstance(value, list) and len(value) > LONGEST_LIST)
    }


def _frame(name: str, data: bytes, id: int | None = None) -> bytes:
    head = f"id: {id}\n" if id is not None else ""
    return head.encode() + f"event: {name}\ndata: ".encode() + data + b"\n\n"
