"""Events whose handling failed: parked with their stream's later ones behind them, tried again with growing pauses."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import psycopg
import structlog

from common.contracts import Contract
from common.database import IN_THE_WAY, Database, Row, Sql, Transaction, is_away
from common.messaging.envelope import Heard, parse
from common.messaging.reactions import Reactions

if TYPE_CHECKING:
    from common.messaging.inbox import Broken, Message

log = structlog.get_logger()

MAX_ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 1.0
"""1, 2, 4, 8, 16 s: a deployment's hiccup heals by itself within half a minute, what fails six times needs a person."""
POLL_SECONDS = 0.5


async def ask_for_blocked_subjects(tx: Sql, consumer: str) -> psycopg.AsyncCursor[tuple[UUID, str]]:
    """The streams (account, subject) that have an open letter: their later events wait behind it."""
    connection = await tx.reach()
    return await connection.execute(
        "SELECT account_id, subject FROM blocked_subjects(%(consumer)s)", {"consumer": consumer}
    )


_INSERT = (
    "INSERT INTO dead_letters (account_id, consumer, event_id, subject, type, topic, kafka_partition, kafka_offset,"
    " headers, payload, error, attempts, state, next_attempt_at)"
    " SELECT %(account_id)s::uuid, %(consumer)s, %(event_id)s, %(subject)s, %(type)s, %(topic)s, %(partition)s, %(offset)s,"
    " %(headers)s::jsonb, %(payload)s, %(error)s, %(attempts)s, %(state)s, now() + make_interval(secs => %(pause)s)"
    " WHERE NOT EXISTS (SELECT FROM erased_accounts WHERE account_id = %(account_id)s::uuid)"
    " ON CONFLICT DO NOTHING"
)
"""Nothing is kept for an account that was erased."""


async def park(
    tx: Transaction, consumer: str, message: "Message", event: Heard[Contract], *, error: str | None
) -> None:
    """Keep an event for later. `error` None: nothing is wrong with it, it waits behind an earlier letter."""
    await tx.execute(
        _INSERT,
        {
            **_letter(consumer, message),
            "account_id": event.account_id,
            "event_id": event.event_id,
            "subject": event.subject,
            "type": event.type,
            "error": error or "waits behind an earlier event of its stream",
            "attempts": 0 if error is None else 1,
            "state": "retrying",
            "pause": FIRST_PAUSE_SECONDS,
        },
    )


async def park_unreadable(tx: Transaction, consumer: str, item: "Broken") -> None:
    """No later attempt makes it readable: it goes to a person at once. Its stream's other events wait behind it."""
    await tx.execute(
        _INSERT,
        {
            **_letter(consumer, item.message),
            "account_id": item.account_id,
            "event_id": item.event_id,
            "subject": item.subject,
            "type": item.type,
            "error": item.error,
            "attempts": 1,
            "state": "dead",
            "pause": 0.0,
        },
    )


def _letter(consumer: str, message: "Message") -> dict[str, Any]:
    headers = [[name, value.decode("latin-1")] for name, value in message.headers]
    return {
        "consumer": consumer,
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "headers": msgspec.json.encode(headers).decode(),
        "payload": message.value or b"",
    }


class Retrier:
    """The loop that tries parked events again, the oldest of each stream first."""

    def __init__(self, consumer: str, database: Database, reactions: Reactions) -> None:
        self._consumer = consumer
        self._database = database
        self._reactions = reactions

    async def run(self, beat: Callable[[], None]) -> None:
        while True:
            beat()
            if not await self.retry_due():
                await asyncio.sleep(POLL_SECONDS)

    async def retry_due(self) -> int:
        """Try what is due; returns how many letters were tried."""
        async with self._database.transaction(None) as tx:
            due = await tx.all(
                "SELECT id, account_id FROM due_dead_letters(%(consumer)s, 100)", {"consumer": self._consumer}
            )
        return sum([await self._retry(row["account_id"], row["id"]) for row in due])

    async def _retry(self, account_id: UUID, letter_id: int) -> bool:
        """False where somebody else is at it, or in the way: the next turn finds it again."""
        try:
            async with self._database.transaction(account_id) as tx:
                letter = await _lock(tx, letter_id)
                if letter is None:
                    return False
                event = _event(letter)
                tx.switch(account_id, event.meta)
                await self._reactions.handle(event, tx)
                await tx.execute("DELETE FROM dead_letters WHERE id = %(id)s", {"id": letter_id})
            log.info("dead_letter_healed", consumer=self._consumer, letter=letter_id)
        except (*IN_THE_WAY, psycopg.errors.LockNotAvailable):
            return False
        except Exception as error:
            if is_away(error):
                raise
            await self._postpone(account_id, letter_id, repr(error))
        return True

    async def _postpone(self, account_id: UUID, letter_id: int, error: str) -> None:
        async with self._database.transaction(account_id) as tx:
            letter = await tx.first(
                "UPDATE dead_letters SET attempts = attempts + 1, error = %(error)s,"
                " state = CASE WHEN attempts + 1 >= %(most)s THEN 'dead' ELSE 'retrying' END,"
                " next_attempt_at = now() + make_interval(secs => %(first)s * 2 ^ attempts)"
                " WHERE id = %(id)s RETURNING state, attempts, event_id, type",
                {"id": letter_id, "error": error, "most": MAX_ATTEMPTS, "first": FIRST_PAUSE_SECONDS},
            )
        if letter and letter["state"] == "dead":
            log.error(
                "dead_letter",
                consumer=self._consumer,
                event_id=str(letter["event_id"]),
                type=letter["type"],
                account_id=str(account_id),
                attempts=letter["attempts"],
                error=error,
            )


async def _lock(tx: Transaction, letter_id: int) -> Row | None:
    return await tx.first(
        "SELECT headers, payload FROM dead_letters WHERE id = %(id)s FOR UPDATE SKIP LOCKED",
        {"id": letter_id},
    )


def _event(letter: Row) -> Heard[Contract]:
    return parse([(name, value.encode("latin-1")) for name, value in letter["headers"]], letter["payload"])
