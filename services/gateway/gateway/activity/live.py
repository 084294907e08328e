"""Live updates: what happened, per account, kept for a while so that a client that reconnects misses nothing."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from common.api.errors import ApiError
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
MOST_STREAMS = 2_000
"""Of an account in one gateway: more pages than its people have open, and 60 MB of memory."""
PAGE = 200
CHANNEL = "igny8_live"
"""PostgreSQL tells every gateway here which account's streams have news, once they are committed."""
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


@dataclass(frozen=True, slots=True)
class Update:
    """What happened: its event's name and its data as JSON. `id` is where to resume, None where it is not kept."""

    name: str
    data: bytes
    id: int | None = None


@dataclass(eq=False, slots=True)
class _Listener:
    """One open stream; `transient` holds what is said once and not kept."""

    wake: asyncio.Event = field(default_factory=asyncio.Event)
    news: bool = True
    """Whether something may have been recorded that was not read yet."""
    transient: list[tuple[UUID, Update]] = field(default_factory=list)
    """By the operation it is about."""


class LiveUpdates:
    """The open streams of this process, and what they are told."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: dict[UUID, set[_Listener]] = {}
        self._progress: OrderedDict[UUID, ProgressReported] = OrderedDict()

    async def record(self, event: Heard[Any], tx: Transaction) -> None:
        """Keep an event for the account's streams, and wake them in every gateway; again it changes nothing."""
        # Under the account's lock ids are given in the order of commits: a stream never passes one that is yet to appear.
        await tx.lock()
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
        await tx.execute(
            "SELECT pg_notify(%(channel)s, %(account)s)",
            {"channel": CHANNEL, "account": str(event.account_id)},
        )

    def wake(self, account_id: UUID) -> None:
        """Something was recorded for an account, here or by another gateway."""
        for listener in self._listeners.get(account_id, ()):
            listener.news = True
            listener.wake.set()

    def wake_all(self) -> None:
        for account_id in self._listeners:
            self.wake(account_id)

    def report(self, account_id: UUID, progress: ProgressReported) -> None:
        """Transient: kept in memory as the operation's latest step, and said to who listens now."""
        self._progress[progress.operation_id] = progress
        self._progress.move_to_end(progress.operation_id)
        if len(self._progress) > KEPT_PROGRESS:
            self._progress.popitem(last=False)
        step = Update("ProgressReported", msgspec.json.encode(progress))
        for listener in self._listeners.get(account_id, ()):
            if len(listener.transient) < PAGE:  # who does not read loses steps, not memory
                listener.transient.append((progress.operation_id, step))
            listener.wake.set()

    def require_room(self, account_id: UUID) -> None:
        """Raises 429 where the account has as many open streams as it may have here."""
        if len(self._listeners.get(account_id, ())) >= MOST_STREAMS:
            raise ApiError(
                "RATE_LIMITED",
                f"The account has {MOST_STREAMS:,} live streams open; close some of them.",
                status=429,
                headers={"Retry-After": str(int(STREAM_SECONDS))},
            )

    def progress_of(self, operation_id: UUID) -> ProgressReported | None:
        return self._progress.get(operation_id)

    async def stream(
        self, account_id: UUID, after: int, site_ids: Collection[UUID] | None = None
    ) -> AsyncGenerator[bytes, None]:
        """`updates` as server-sent events."""
        silence = b"retry: 2000\n\n"
        async with aclosing(self.updates(account_id, after, site_ids)) as updates:
            async for update in updates:
                if update is None:
                    yield silence
                    silence = b": still here\n\n"
                else:
                    yield _frame(update)

    async def updates(
        self, account_id: UUID, after: int, site_ids: Collection[UUID] | None = None
    ) -> AsyncGenerator[Update | None, None]:
        """What comes after the update `after`, for five minutes. None says that it is open, and then that nothing came.

        With `site_ids` only of these sites, and of operations and runs of theirs.
        """
        ends = monotonic() + STREAM_SECONDS
        listener = _Listener()
        self._listeners.setdefault(account_id, set()).add(listener)
        last = after
        try:
            yield None
            while monotonic() < ends:
                listener.wake.clear()
                rows: list[Row] = []
                if listener.news:
                    listener.news = False
                    rows = await self._after(account_id, last, site_ids)
                for row in rows:
                    last = row["id"]
                    yield Update(row["name"], msgspec.json.encode(row["data"]), last)
                transient, listener.transient = listener.transient, []
                shown = await self._of_sites(account_id, {id for id, _ in transient}, site_ids)
                for operation_id, step in transient:
                    if operation_id in shown:
                        yield step
                if len(rows) == PAGE:
                    listener.news = True
                elif not await comes(listener.wake, HEARTBEAT_SECONDS):
                    yield None
        finally:
            listeners = self._listeners[account_id]
            listeners.discard(listener)
            if not listeners:
                del self._listeners[account_id]

    async def beginning(self, account_id: UUID, after: int | None) -> int:
        """Where a stream begins: after the update a client saw last, or else (None) after the newest one.

        Ask before the client is told that its stream is open: it may cause the next update at once.
        """
        if after is not None:
            return after
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


def resume_after(text: str | None) -> int | None:
    """The last id that a client saw, as it says it; None for what is no id of ours: those have eight bytes."""
    if not text or not text.isascii() or not text.isdecimal():
        return None
    number = int(text[:20])
    return number if number < 1 << 63 else None


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


def _frame(update: Update) -> bytes:
    head = f"id: {update.id}\n" if update.id is not None else ""
    return head.encode() + f"event: {update.name}\ndata: ".encode() + update.data + b"\n\n"
