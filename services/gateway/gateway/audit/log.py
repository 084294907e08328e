"""Writes the audit log: an entry before a change is let through, its outcome after the answer.

The entry is committed before the request goes on, so no change is without one, wherever a process is killed. What waits at
the same moment is committed together, so that many requests share the cost of a commit. Nobody waits for an outcome, nor does
an entry that somebody waits for: outcomes are written by themselves a moment later, many at a time. Where the process died
before that, an outcome stays unknown; the request id then leads from the entry to the facts.
"""

import asyncio
import re
from collections.abc import Coroutine
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import UUID

import msgspec
import psycopg_pool
import structlog
from common.api.caller import CallerOf
from common.auth.identity import Identity
from common.crypto import Undecryptable
from common.database import Database, Transaction
from common.ids import new_id
from common.secrets import SecretMissing, SecretStore
from common.supervision import comes
from fastapi import Request
from psycopg import Error as DatabaseError

from gateway.personal import Fields

log = structlog.get_logger()

AUDIT = "igny8.audit"
"""In a request's scope: the log and the request's entry, for `noted`."""
SAFE = ("GET", "HEAD", "OPTIONS")
OUTCOME_SECONDS = 0.2
"""How long an outcome waits for others to be written with it. Whoever reads the log has them written before (`flush`)."""
RETRY_SECONDS = 1.0
MOST_OUTCOMES = 10_000
"""Kept while the database is away; then the oldest ones stay unknown."""

RECORD = "SELECT record_audit(%s::text::jsonb, %s::text::jsonb)"
"""The function sets each row's tenant itself."""

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_WORD = re.compile(r"[a-z0-9_-]{1,40}")


def action_of(method: str, path: str) -> str:
    """`POST account/sites/{id}/restore/`: what a client wrote into a path beside ids is no part of it."""
    parts = (part for part in path.removeprefix("/api/v1/").split("/") if part)
    shown = ("{id}" if _ID.fullmatch(part) else part if _WORD.fullmatch(part) else "{…}" for part in parts)
    return f"{method} {'/'.join(shown)}/"[:200]


def object_of(path: str) -> UUID | None:
    """The last id of a path."""
    found = _ID.findall(path)
    return UUID(found[-1]) if found else None


class _Made(msgspec.Struct):
    id: UUID | None = None
    task_id: UUID | None = None
    user_id: UUID | None = None


class _Answer(msgspec.Struct):
    data: _Made


_answers = msgspec.json.Decoder(_Answer)


def object_made(body: bytes) -> UUID | None:
    """What an answer says it has made: its `id`, the task it began, or the user it signed up."""
    try:
        made = _answers.decode(body).data
    except msgspec.DecodeError:
        return None
    return made.id or made.task_id or made.user_id


def actor_of(identity: Identity) -> str:
    """As in the facts' meta."""
    return CallerOf(identity, None, "").meta.actor


@dataclass(slots=True)
class Entry:
    """One request that may change something; `id` is None until it is known whose it is and the entry is written."""

    action: str
    object_id: UUID | None
    request_id: str
    trace_id: str | None
    ip: str
    account_id: UUID | None = None
    id: UUID | None = None


class AuditLog:
    """One per process."""

    def __init__(self, database: Database, secrets: SecretStore) -> None:
        self._database = database
        self._secrets = secrets
        self._begun: list[tuple[dict[str, Any], asyncio.Future[None]]] = []
        self._ended: list[dict[str, Any]] = []
        self._wanted = asyncio.Event()
        """Somebody waits for outcomes: write them now."""
        self._entries_writer: asyncio.Task[None] | None = None
        self._outcomes_writer: asyncio.Task[None] | None = None
        self._written = 0
        self._given = 0

    async def begin(
        self, entry: Entry, account_id: UUID, actor: str, on_behalf_of: UUID | None = None
    ) -> None:
        """Returns when the entry is on disk. Raises what the database raises: then nothing may be changed."""
        if entry.id is not None:
            return
        row = await self._row(entry, account_id, actor, on_behalf_of)
        written = asyncio.get_running_loop().create_future()
        self._begun.append((row, written))
        self._start()
        await written
        entry.account_id, entry.id = account_id, row["id"]

    async def begin_in(self, tx: Transaction, entry: Entry, actor: str) -> None:
        """Begin the entry in a transaction, with which it is undone or comes to be; again when that is run again."""
        row = await self._row(entry, tx.account_id, actor, None)
        await (await tx.reach()).execute(RECORD, (_json([row]), _json([])), prepare=True)
        entry.account_id, entry.id = tx.account_id, row["id"]

    def end(self, entry: Entry, status: int, made: UUID | None) -> None:
        """Note the outcome. The object is what was made (201), else what the route names, else the task that was begun.

        What is not the account's own (404) is no object of its log.
        """
        first, second = (made, entry.object_id) if status == 201 else (entry.object_id, made)
        object_id = None if status == 404 else first or second
        self._ended.append(
            {"account_id": entry.account_id, "id": entry.id, "status": status, "object_id": object_id}
        )
        self._given += 1
        if len(self._ended) > MOST_OUTCOMES:
            del self._ended[0]
            self._written += 1
        self._start()

    async def flush(self, seconds: float = 2.0) -> None:
        """Wait, at most so long, until the outcomes given so far are written."""
        until, given = monotonic() + seconds, self._given
        while self._written < given and self._outcomes_writer is not None and monotonic() < until:
            self._wanted.set()
            await asyncio.wait({self._outcomes_writer}, timeout=0.01)

    def _start(self) -> None:
        if self._begun and (self._entries_writer is None or self._entries_writer.done()):
            self._entries_writer = self._started(self._write_entries(), "audit_entries")
        if self._ended and (self._outcomes_writer is None or self._outcomes_writer.done()):
            self._outcomes_writer = self._started(self._write_outcomes(), "audit_outcomes")

    def _started(self, writing: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        task = asyncio.create_task(writing, name=name)
        task.add_done_callback(self._ended_writing)
        return task

    def _ended_writing(self, task: "asyncio.Task[None]") -> None:
        """Nobody may wait for ever because something cancelled a writer."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("audit_writer_failed", error=repr(error))
        self._start()

    async def _write_entries(self) -> None:
        while self._begun:
            begun, self._begun = self._begun, []
            try:
                await self._write([row for row, _ in begun], [])
            except BaseException as error:
                told = error if isinstance(error, Exception) else ConnectionError("interrupted")
                for _, written in begun:
                    if not written.done():
                        written.set_exception(told)
                if not isinstance(error, Exception):
                    raise
                log.warning("audit_unwritten", entries=len(begun), error=repr(error))
            else:
                for _, written in begun:
                    if not written.done():
                        written.set_result(None)

    async def _write_outcomes(self) -> None:
        pause = OUTCOME_SECONDS
        while self._ended:
            await comes(self._wanted, pause)
            self._wanted.clear()
            ended, self._ended = self._ended, []
            try:
                await self._write([], ended)
            except psycopg_pool.PoolClosed:  # the service has ended
                self._written += len(ended)
                return
            except BaseException as error:
                self._ended = [*ended, *self._ended]
                if not isinstance(error, Exception):
                    raise
                log.warning("audit_unwritten", outcomes=len(ended), error=repr(error))
                pause = RETRY_SECONDS
            else:
                self._written += len(ended)
                pause = OUTCOME_SECONDS

    async def _write(self, begun: list[dict[str, Any]], ended: list[dict[str, Any]]) -> None:
        await self._database.call(RECORD, (_json(begun), _json(ended)))

    async def _row(
        self, entry: Entry, account_id: UUID, actor: str, on_behalf_of: UUID | None
    ) -> dict[str, Any]:
        id = new_id()
        return {
            "account_id": account_id,
            "id": id,
            "actor": actor,
            "on_behalf_of": on_behalf_of,
            "action": entry.action,
            "object_id": entry.object_id,
            "request_id": entry.request_id,
            "trace_id": entry.trace_id,
            "ip_cipher": await self._sealed(account_id, id, entry.ip),
        }

    async def _sealed(self, account_id: UUID, id: UUID, ip: str) -> str | None:
        """The address, for as long as the account has its data key. Without the secret store the entry is written without it."""
        try:
            return Fields(await self._secrets.data_key(account_id), id).seal("ip", ip)
        except (SecretMissing, Undecryptable, DatabaseError, OSError) as error:
            log.warning("audit_without_address", error=repr(error))
            return None


def _json(rows: list[dict[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()


async def noted(request: Request, account_id: UUID, user_id: UUID) -> None:
    """Begin the entry of a public route, which learns on its way whose account it is about (sign-in, for instance)."""
    if (given := request.scope.get(AUDIT)) is not None:
        audit, entry = given
        await audit.begin(entry, account_id, f"user:{user_id}")


async def noted_with(tx: Transaction, request: Request, user_id: UUID) -> None:
    """The same in the transaction that makes the change: for what only the change itself shows to be true."""
    if (given := request.scope.get(AUDIT)) is not None:
        audit, entry = given
        await audit.begin_in(tx, entry, f"user:{user_id}")
