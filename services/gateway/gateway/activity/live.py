"""Live updates: what happened, per account, kept for a while so that a client that reconnects misses nothing."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from common.contracts.control import ProgressReported
from common.database import Database, Row, Transaction
from common.messaging.envelope import Heard
from common.supervision import comes
from common.views import uuid_column
from sqlalchemy.dialects.postgresql import JSONB

from gateway import metadata

KEPT_EVENTS = 1_000
"""Of an account: more than a pipeline run of some hundred articles says in the time of a reconnection."""
HEARTBEAT_SECONDS = 15.0
"""Below the idle time-outs of common proxies (30 to 60 s)."""
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
    transient: list[bytes] = field(default_factory=list)


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
                listener.transient.append(frame)
            listener.wake.set()

    def progress_of(self, operation_id: UUID) -> ProgressReported | None:
        return self._progress.get(operation_id)

    async def stream(self, account_id: UUID, after: int | None) -> AsyncGenerator[bytes, None]:
        """Server-sent events from the one after `after` on (None: from now on), for ever."""
        listener = _Listener()
        self._listeners.setdefault(account_id, set()).add(listener)
        try:
            last = await self._last(account_id) if after is None else after
            yield b"retry: 2000\n\n"
            while True:
                listener.wake.clear()
                rows = await self._after(account_id, last)
                for row in rows:
                    last = row["id"]
                    yield _frame(row["name"], msgspec.json.encode(row["data"]), last)
                transient, listener.transient = listener.transient, []
                for frame in transient:
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

    async def _after(self, account_id: UUID, last: int) -> list[Row]:
        async with self._database.transaction(account_id) as tx:
            query = sa.select(live_events).where(live_events.c.id > last).order_by(live_events.c.id)
            return await tx.all(query.limit(PAGE))


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
