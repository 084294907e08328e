"""SQLAlchemy Core statements on psycopg connections, and the transaction that appends, projects and defers together.

Statements are compiled by SQLAlchemy and run by psycopg itself: its own execution layer halved the append rate
(FOUNDATION.md), while its expressions are what keeps the views' queries readable. See docs/decisions/0002.
"""

import asyncio
import random
import select
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
import psycopg
import structlog
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql import ClauseElement, Select
from sqlalchemy.sql.cache_key import CacheKey
from sqlalchemy.sql.compiler import SQLCompiler

from common.contracts import Contract
from common.crash_points import crash_point
from common.eventsourcing.decider import Decider, Snapshot, StreamName
from common.eventsourcing.event import Event, Meta, Recorded
from common.ids import new_id
from common.jobs.job import Job
from common.model import ServiceModel

log = structlog.get_logger()

T = TypeVar("T")
S = TypeVar("S")
C = TypeVar("C")
Row = Mapping[str, Any]

MAX_MESSAGE_BYTES = 256 * 1024
"""Kafka takes 1 MB by default; a quarter leaves room for headers and keeps consumers' batches small."""

_UNKNOWN_TIME = datetime.min.replace(tzinfo=UTC)
"""Stands for `recorded_at` until the database has said it."""

SESSION_OPTIONS = (
    "-c statement_timeout=30s -c lock_timeout=15s -c idle_in_transaction_session_timeout=30s -c jit=off"
    " -c timezone=UTC"
)
"""East of UTC the last day of the year 9999 is a time that Python does not have.

No transaction may live longer than the margin of a catch-up (60 s, see messaging/catch_up.py)."""


def connection_options(name: str, options: str = SESSION_OPTIONS) -> dict[str, Any]:
    """What a service's connections are opened with; a wait for a database that has vanished ends within 25 s."""
    return {
        "options": options,
        "application_name": name,
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }


def pool_task_ended(pool: AsyncConnectionPool[Any]) -> bool:
    """Whether a pool has lost one of the tasks that make and check its connections; nothing else would tell."""
    tasks = (*pool._workers, pool._sched_runner)
    return any(task is not None and task.done() for task in tasks)


def forget_ended_tasks(pool: AsyncConnectionPool[Any]) -> None:
    """Before a pool is closed: it waits for its tasks then, and one that was cancelled would cancel the closing."""
    pool._workers = [task for task in pool._workers if not task.done()]
    if pool._sched_runner is not None and pool._sched_runner.done():
        pool._sched_runner = None


_OPEN = "SELECT type, data, version FROM open_stream(%s, %s, %s)"

ATTEMPTS = 6
"""Deadlocks and version conflicts are rare under the account lock; six tries with jitter outlast a burst of them."""


ROWS_AT_ONCE = 1_000


class StreamConflict(Exception):
    """Another writer was faster: load again, decide again."""


IN_THE_WAY = (StreamConflict, psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
"""Nobody's fault: the same again may well succeed."""


class EventTooLarge(Exception):
    """The public form of an event would not fit into a message; long lists travel in parts, bodies by reference."""


class Sql:
    """Runs SQLAlchemy Core statements, or plain SQL strings with psycopg parameters, on one psycopg connection."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def reach(self) -> psycopg.AsyncConnection[Any]:
        """The connection, for who sends statements of his own."""
        return self._connection

    async def execute(
        self, statement: ClauseElement | str, parameters: Mapping[str, Any] | None = None
    ) -> int:
        """Run; returns the number of rows touched."""
        connection = await self.reach()
        text, values = _compile(statement, parameters)
        return (await connection.execute(text, values)).rowcount

    async def execute_many(self, statement: ClauseElement | str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run once for each row, pipelined."""
        if len(rows) == 1:
            await self.execute(statement, rows[0])
        elif rows:
            connection = await self.reach()
            text, _ = _compile(statement, rows[0])
            async with connection.cursor() as cursor:
                await cursor.executemany(text, [_compile(statement, row)[1] or {} for row in rows])

    async def all(
        self, statement: ClauseElement | str, parameters: Mapping[str, Any] | None = None
    ) -> list[Row]:
        connection = await self.reach()
        text, values = _compile(statement, parameters)
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(text, values)
            return await cursor.fetchall()  # type: ignore[return-value]  # dict rows are Mappings

    async def stream(self, statement: ClauseElement) -> AsyncIterator[Row]:
        """One row after the other, however many there are: they are fetched by thousands."""
        connection = await self.reach()
        text, values = _compile(statement, None)
        async with connection.cursor("stream", row_factory=dict_row) as cursor:
            cursor.itersize = ROWS_AT_ONCE
            await cursor.execute(text, values)
            async for row in cursor:
                yield row

    async def first(
        self, statement: ClauseElement | str, parameters: Mapping[str, Any] | None = None
    ) -> Row | None:
        rows = await self.all(statement, parameters)
        return rows[0] if rows else None

    async def scalar(
        self, statement: ClauseElement | str, parameters: Mapping[str, Any] | None = None
    ) -> Any:
        row = await self.first(statement, parameters)
        return next(iter(row.values())) if row else None


class Gathering(Sql):
    """Sends statements that are alike together, in their order: before another one, before a question, or by `send`.

    What a call costs is then paid once for all of them. How many rows they touch is not known: `execute` returns -1.
    """

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        super().__init__(connection)
        self._text: Any = None
        self._rows: list[Mapping[str, Any]] = []

    async def execute(
        self, statement: ClauseElement | str, parameters: Mapping[str, Any] | None = None
    ) -> int:
        text, values = _compile(statement, parameters)
        if text != self._text or values is None:
            await self.send()
        if values is None:  # the text stands as it is, per cent signs and all
            return await super().execute(text)
        self._text = text
        self._rows.append(values)
        return -1

    async def execute_many(self, statement: ClauseElement | str, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            await self.execute(statement, row)

    async def all(
        self, statement: ClauseElement | str, parameters: Mapping[str, Any] | None = None
    ) -> list[Row]:
        await self.send()
        return await super().all(statement, parameters)

    async def send(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            async with self._connection.cursor() as cursor:
                await cursor.executemany(self._text, rows)


_dialect = PGDialect_psycopg()  # type: ignore[no-untyped-call]  # the library has no types for it


def _compile(
    statement: ClauseElement | str, parameters: Mapping[str, Any] | None
) -> tuple[Any, Mapping[str, Any] | None]:
    if isinstance(statement, str):
        return statement, parameters
    compiled = _compiled(statement, tuple(parameters) if parameters else ())
    if compiled.missing <= (parameters or {}).keys():
        values = {**compiled.values, **(parameters or {})}
    else:
        values = dict(compiled.compiler.construct_params(parameters))  # raises, and says which
    values |= {name: process(values[name]) for name, process in compiled.processors.items() if name in values}
    return compiled.text, values


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement, and what SQLAlchemy would work out again at each execution."""

    compiler: SQLCompiler
    text: str
    values: Mapping[str, Any]
    missing: frozenset[str]
    processors: Mapping[str, Callable[[Any], Any]]


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a statement asks, without the values it asks about: requests that ask the same share what is compiled."""

    key: tuple[Any, ...]
    names: tuple[str, ...]
    first: ClauseElement = field(compare=False)
    cache_key: CacheKey = field(compare=False)


@lru_cache(maxsize=256)
def _compiled(statement: ClauseElement, names: tuple[str, ...]) -> _Compiled:
    """By statement object and the names it is called with: those decide which columns an INSERT writes.

    Bounded, since what is compiled keeps its statement alive and every list request makes a new one.
    """
    key = statement._generate_cache_key()
    shared = _compiled_shape(_Shape(key.key, names, statement, key)) if key is not None else None
    if key is None or shared is None:
        if isinstance(statement, Select):  # its own values are wanted now, those it is called with come later
            statement = statement.params(dict.fromkeys(names))
        return _new_compiled(_compile_barely(statement, names, render_postcompile=True))
    values = shared.compiler.construct_params(extracted_parameters=key.bindparams, _check=False)
    return replace(shared, values=values)


@lru_cache(maxsize=256)
def _compiled_shape(shape: _Shape) -> _Compiled | None:
    """None for a statement whose text follows from its values: each item of a list is a parameter of its own."""
    compiler = _compile_barely(shape.first, shape.names, cache_key=shape.cache_key)
    if compiler.post_compile_params or compiler.literal_execute_params:
        return None
    return _new_compiled(compiler)


def _compile_barely(
    statement: ClauseElement,
    names: tuple[str, ...],
    *,
    cache_key: CacheKey | None = None,
    render_postcompile: bool = False,
) -> SQLCompiler:
    compiler = statement._compiler(
        _dialect,
        cache_key=cache_key,
        column_keys=names or None,
        compile_kwargs={"render_postcompile": render_postcompile},
    )
    assert isinstance(compiler, SQLCompiler)
    return compiler


def _new_compiled(compiler: SQLCompiler) -> _Compiled:
    binds = {compiler.bind_names[bind]: bind for bind in compiler.bind_names}
    expanded = compiler._post_compile_expanded_state
    return _Compiled(
        compiler,
        str(compiler),
        dict(expanded.parameters) if expanded else compiler.construct_params(_check=False),
        frozenset(name for name, bind in binds.items() if bind.required),
        {name: process for name, process in compiler._bind_processors.items() if callable(process)},
    )


@dataclass(frozen=True, slots=True)
class Handled(Generic[S]):
    """What a command led to: the new events (empty when it already was so) and the state and version after them."""

    events: Sequence[Event]
    state: S
    version: int


class Transaction(Sql):
    """One database transaction on behalf of one account: facts, views and jobs commit together or not at all.

    `Database.transaction` opens it, with its tenant set.
    """

    def __init__(
        self,
        connection: psycopg.AsyncConnection[Any],
        model: ServiceModel,
        account_id: UUID | None,
        meta: Meta,
        *,
        pipelined: bool = False,
    ) -> None:
        super().__init__(connection)
        self._pipelined = pipelined
        self.model = model
        self._account_id = account_id
        self.meta = meta
        self.recorded_something = False
        self.said_something = False
        self.conditional = False
        """Whether this transaction's request has been compared with the version it names (`common.api.scope`)."""
        self._begun = False
        self._tenant_set = False
        self._loaded: dict[str, tuple[Any, int]] = {}

    @property
    def account_id(self) -> UUID:
        if self._account_id is None:
            raise RuntimeError("this transaction has no tenant")
        return self._account_id

    def switch(self, account_id: UUID, meta: Meta) -> None:
        """Go on for another account (a consumer's batch); accounts must come in sorted order, or locks can cross."""
        if account_id != self._account_id:
            self._account_id = account_id
            self._tenant_set = False
            self._loaded.clear()
        self.meta = meta

    @asynccontextmanager
    async def part(self) -> AsyncIterator[None]:
        """A part that is undone as a whole when it raises; the transaction can go on without it."""
        connection = await self.reach()
        try:
            async with connection.transaction():
                yield
        except BaseException:
            self._tenant_set = False
            self._loaded.clear()
            raise

    async def reach(self) -> psycopg.AsyncConnection[Any]:
        """The connection, with the transaction begun and its tenant set."""
        connection = await self._reach_any()
        if not self._tenant_set and self._account_id is not None:
            self._tenant_set = True
            await connection.execute(_tenant(self._account_id))
        return connection

    async def _reach_any(self) -> psycopg.AsyncConnection[Any]:
        """The same for a statement that sets its tenant itself."""
        if not self._begun:
            await self._connection.execute(self._beginning(), prepare=False)
        return self._connection

    def _beginning(self) -> str:
        """What begins it and sets its tenant: one message, but in a pipeline, where a message holds one statement."""
        self._begun = True
        if self._pipelined or self._account_id is None:
            return "BEGIN"
        self._tenant_set = True
        return f"BEGIN; {_tenant(self._account_id)}"

    async def commit(self) -> None:
        """Ends it; a transaction in which nothing was asked is none.

        Raises InFailedSqlTransaction where somebody has passed over a statement's error: PostgreSQL would say nothing.
        """
        if not self._begun:
            return
        # Not `connection.commit()`, which takes a pipeline that is still to be sent for no transaction.
        cursor = await self._connection.execute("COMMIT", prepare=False)
        if not self._pipelined and cursor.statusmessage != "COMMIT":
            raise psycopg.errors.InFailedSqlTransaction(
                "a statement had failed: the transaction was rolled back"
            )

    async def lock(self) -> None:
        """Take the account's lock: what is read from here on stays as it is until the transaction ends."""
        lock = f"SELECT pg_advisory_xact_lock(hashtextextended('{self.account_id}', 0))"
        if self._begun or self._pipelined:
            await (await self.reach()).execute(lock)
        else:
            await self._connection.execute(f"{self._beginning()}; {lock}", prepare=False)

    async def load(self, decider: Decider[S, Any], id: UUID) -> tuple[S, int]:
        """The state and version of a stream; takes the account's lock until the transaction ends."""
        stream = str(decider.stream(id))
        if stream not in self._loaded:
            try:
                self._loaded[stream] = await self._fold(decider, stream, decider.snapshot)
            except msgspec.DecodeError as error:
                log.warning("snapshot_unreadable", stream=stream, error=str(error))
                self._loaded[stream] = await self._fold(decider, stream, None)
        return self._loaded[stream]

    async def _fold(
        self, decider: Decider[S, Any], stream: str, snapshot: Snapshot[S] | None
    ) -> tuple[S, int]:
        state, version = decider.initial, 0
        for type_name, data, at_version in await self._open(stream, snapshot.shape if snapshot else None):
            if snapshot and type_name is None:
                state = snapshot.decode(data)
            else:
                state = decider.evolve(state, decider.types.decode_json(type_name, data))
            version = at_version
        return state, version

    async def _open(self, stream: str, shape: str | None) -> Sequence[tuple[str, str, int]]:
        """In one round trip with the beginning, where nothing was asked before."""
        values = (self.account_id, stream, shape)
        if self._begun or self._pipelined:
            connection = await self._reach_any()
            cursor = await connection.execute(_OPEN, values, prepare=True)
        else:
            self._begun = True
            cursor = psycopg.AsyncClientCursor(self._connection)  # who binds values may ask two things
            await cursor.execute(f"BEGIN; {_OPEN}", values)
            cursor.nextset()
        self._tenant_set = True
        return await cursor.fetchall()

    async def handle(self, decider: Decider[S, C], id: UUID, command: C) -> Handled[S]:
        """Load, decide, append, project. Raises what `decide` raises, `StreamConflict` or `EventTooLarge`."""
        state, version = await self.load(decider, id)
        events = decider.decide(command, state)
        if not events:
            return Handled((), state, version)
        await self.append(decider.stream(id), version, events)
        state, after = decider.fold(events, state), version + len(events)
        self._loaded[str(decider.stream(id))] = (state, after)
        if decider.snapshot and version // decider.snapshot.every < after // decider.snapshot.every:
            await self._keep(decider.stream(id), after, decider.snapshot, state)
        return Handled(events, state, after)

    async def _keep(self, stream: StreamName, version: int, snapshot: Snapshot[S], state: S) -> None:
        """Under the account's lock: a later one never meets an earlier one."""
        connection = await self.reach()
        await connection.execute(
            "INSERT INTO snapshots (account_id, stream, version, shape, state) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (stream) DO UPDATE SET version = excluded.version, shape = excluded.shape,"
            " state = excluded.state",
            (self.account_id, str(stream), version, snapshot.shape, snapshot.encode(state).decode()),
        )

    async def append(
        self, stream: StreamName, version: int, events: Sequence[Event]
    ) -> list[Recorded[Event]]:
        """One round trip for the facts, then the views. `version` is the stream's last one; 0 for a new stream."""
        ids = [new_id() for _ in events]
        recorded = [
            Recorded(
                0, self.account_id, str(stream), version + n, ids[n - 1], event, self.meta, _UNKNOWN_TIME
            )
            for n, event in enumerate(events, 1)
        ]
        public = [self._is_public(fact) for fact in recorded]
        batch = msgspec.json.encode(
            {
                "account": self.account_id,
                "stream": str(stream),
                "version": version,
                "meta": self.meta,
                "events": [
                    {"id": id, "type": type(event).__name__, "data": event, "public": said}
                    for id, event, said in zip(ids, events, public, strict=True)
                ],
            }
        )
        connection = await self._reach_any()
        try:
            cursor = await connection.execute(
                "SELECT positions, at FROM append_events(%s::text::jsonb)",
                (batch.decode(),),
                prepare=True,
            )
        except psycopg.errors.UniqueViolation as error:
            raise StreamConflict(f"{stream} is no longer at version {version}") from error
        self._tenant_set = True
        self._loaded.pop(str(stream), None)
        row = await cursor.fetchone()
        assert row is not None
        positions, at = row
        recorded = [
            msgspec.structs.replace(fact, position=position, recorded_at=at)
            for position, fact in zip(positions, recorded, strict=True)
        ]
        self.recorded_something = True
        self.said_something = self.said_something or any(public)
        await self.model.project(self, recorded)
        return recorded

    def _is_public(self, fact: Recorded[Event]) -> bool:
        contract = self.model.publish(fact)
        if contract is None:
            return False
        check_size(contract, fact)
        return True

    async def defer(self, job: Job, **arguments: Any) -> None:
        """Ask for background work; it exists exactly if this transaction commits."""
        connection = await self.reach()
        await job.defer(connection, account_id=self.account_id, meta=self.meta, arguments=arguments)


def check_size(contract: Contract, fact: Recorded[Event]) -> None:
    """Raises `EventTooLarge`: checked before commit, since a message that Kafka refuses wedges an idempotent producer."""
    size = len(msgspec.json.encode(contract))
    if size > MAX_MESSAGE_BYTES:
        raise EventTooLarge(
            f"{type(contract).__name__} of {fact.stream} would be {size} bytes, at most {MAX_MESSAGE_BYTES} travel"
        )


class Database:
    """A service's connection pool; the one place transactions are opened."""

    def __init__(self, url: str, model: ServiceModel, *, pool_size: int = 10) -> None:
        self.model = model
        self._url = url
        self._pool_size = pool_size
        self.pool = self._new_pool()
        self.committed: list[Callable[[], None]] = []
        """Called after each commit that said something in public: wakes the relay."""

    def _new_pool(self) -> AsyncConnectionPool[psycopg.AsyncConnection[Any]]:
        return AsyncConnectionPool(
            self._url,
            min_size=2,
            max_size=self._pool_size,
            open=False,
            kwargs=connection_options(f"igny8-{self.model.name}") | {"autocommit": True},
        )

    async def open(self) -> None:
        await self.pool.open()

    async def renew(self) -> None:
        """Put a new pool in place of one that is broken; who has a connection keeps it until it is given back."""
        old, self.pool = self.pool, self._new_pool()
        await self.pool.open()
        forget_ended_tasks(old)
        await old.close(timeout=1)

    async def close(self) -> None:
        forget_ended_tasks(self.pool)
        await self.pool.close()

    @asynccontextmanager
    async def transaction(
        self, account_id: UUID | None, meta: Meta | None = None, *, pipelined: bool = False
    ) -> AsyncIterator[Transaction]:
        """Open one transaction, without retries. `account_id` None sees no tenant's row (lookups, machinery).

        It begins with its first statement. `pipelined`: statements wait for an answer only where one is read.
        """
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(self._connection())  # rolls back what is left open
            if pipelined:
                await stack.enter_async_context(connection.pipeline())
            tx = Transaction(connection, self.model, account_id, meta or Meta(), pipelined=pipelined)
            yield tx
            if tx.recorded_something:
                crash_point("command.before_commit")
            await tx.commit()
        if tx.recorded_something:
            crash_point("command.after_commit")
        if tx.said_something:
            for wake in self.committed:
                wake()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """One that has not ended while it lay in the pool, whose own check would sleep longer after each ended one."""
        while True:
            async with self.pool.connection() as connection:
                if await _still_there(connection):
                    yield connection
                    return
                await connection.close()  # the pool makes a new one in its place

    async def call(self, statement: str, parameters: Sequence[Any]) -> Row | None:
        """One statement as a transaction of its own: one round trip, where beginning and committing take two more.

        The statement sets its tenant itself; it records no facts. Returns its first row. Again when a deadlock was in the way.
        """

        async def once() -> Row | None:
            async with self._connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
                await cursor.execute(statement, parameters, prepare=True)
                return await cursor.fetchone()

        return await _again(once)

    async def run(
        self, account_id: UUID | None, work: Callable[[Transaction], Awaitable[T]], meta: Meta | None = None
    ) -> T:
        """Run `work` in a transaction, again from the start when another writer or a deadlock was in the way."""

        async def once() -> T:
            async with self.transaction(account_id, meta) as tx:
                return await work(tx)

        return await _again(once)


async def _again(once: Callable[[], Awaitable[T]]) -> T:
    attempt = 0
    while True:
        attempt += 1
        try:
            return await once()
        except IN_THE_WAY as error:
            if attempt == ATTEMPTS:
                raise
            log.info("transaction_retried", attempt=attempt, reason=type(error).__name__)
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))


def _tenant(account_id: UUID) -> str:
    """Sets the tenant until the transaction ends; a UUID is all that can get in here."""
    return f"SELECT set_config('app.account_id', '{account_id}', true)"


async def _still_there(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Whether a pooled connection can be used.

    A server that ends a connection says so, or its end closes the socket: where nothing has come in, a round trip before
    every transaction would tell no more.
    """
    try:
        arrived = select.poll()
        arrived.register(connection.fileno(), select.POLLIN)
        if arrived.poll(0):
            await AsyncConnectionPool.check_connection(connection)
    except psycopg.Error:
        return False
    return True


def holds_nul(error: BaseException) -> bool:
    """Whether PostgreSQL was to keep a text with a NUL character: the one character of JSON that it has no room for."""
    if not isinstance(error, psycopg.DataError):
        return False
    if error.sqlstate is None:
        return "NUL" in str(error)
    return error.sqlstate in ("22021", "22P05")


def is_of_erased(error: BaseException) -> bool:
    """Whether something was to be recorded for an account that was erased (common/erasure/erasure.sql)."""
    return isinstance(error, psycopg.errors.InsufficientPrivilege) and '_erased"' in str(error)


def is_away(error: BaseException) -> bool:
    """Whether the database is away rather than anybody's data at fault: wait and do it again.

    By SQLSTATE class (PostgreSQL, appendix A): 08 connection, 53 resources, 57P shutdown, 58 system; and 55P03, a lock that
    did not come: whoever holds it stands still, and its transaction is ended before long. An OperationalError without a state
    is a broken or refused connection, or a pool that found none; but a pipeline that was aborted only echoes another
    statement's error.
    """
    if isinstance(error, psycopg.errors.PipelineAborted):
        return False
    if isinstance(error, psycopg.Error):
        state = error.sqlstate
        if state is None:
            return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return state[:2] in ("08", "53", "58") or state[:3] == "57P" or state == "55P03"
    return isinstance(error, ConnectionError)
