"""Healing what failed for good: events that a service could not handle, and facts that Kafka refused.

A letter's id is its number in `dead_letters`, or `outbox-<position>` for a refused fact. Needs the owner's role.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from common.operate import OperatorError

Connection = psycopg.Connection[Any]

_OUTBOX = "outbox-"


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. `heard`: another service's event, parked; `said`: our own fact that Kafka refused."""

    id: str
    service: str
    kind: Literal["heard", "said"]
    consumer: str | None
    account_id: UUID
    event_id: UUID
    subject: str
    type: str
    state: str
    attempts: int | None
    error: str
    failed_at: datetime
    next_attempt_at: datetime | None
    waits_behind: str | None
    """The id of the first open letter of the same stream, which has to be healed or discarded before this one."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return json.loads(json.dumps(asdict(self), default=str))  # type: ignore[no-any-return]  # a dict goes in


@dataclass(frozen=True, slots=True)
class Content:
    """What a letter holds: the headers and the body of the message, or of the fact."""

    letter: Letter
    headers: dict[str, Any]
    payload: Any
    source: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return self.letter.as_dict() | {
            "headers": self.headers,
            "payload": self.payload,
            "source": self.source,
        }


_HEARD = """
SELECT d.id::text, %(service)s::text AS service, 'heard' AS kind, d.consumer, d.account_id, d.event_id, d.subject, d.type,
    d.state, d.attempts, d.error, d.failed_at, d.next_attempt_at,
    (SELECT min(e.id)::text FROM dead_letters e
     WHERE e.consumer = d.consumer AND e.subject = d.subject AND e.id < d.id) AS waits_behind
FROM dead_letters d
"""
_SAID = """
SELECT 'outbox-' || o.position AS id, %(service)s::text AS service, 'said' AS kind, NULL AS consumer, e.account_id,
    e.event_id, e.stream AS subject, e.type, 'dead' AS state, NULL::integer AS attempts, o.error, o.failed_at,
    NULL::timestamptz AS next_attempt_at, NULL AS waits_behind
FROM outbox_dead_letters o JOIN events e USING (position)
"""


def letters(connection: Connection, service: str) -> list[Letter]:
    """All letters of a service, refused facts first, then by age."""
    return [
        *_letters(connection, service, _SAID + "ORDER BY o.position"),
        *_letters(connection, service, _HEARD + "ORDER BY d.id"),
    ]


def content(connection: Connection, service: str, id: str) -> Content:
    """A letter with what it holds; raises `OperatorError` where there is none of this id."""
    said, number = _parse(id)
    query = _SAID + "WHERE o.position = %(number)s" if said else _HEARD + "WHERE d.id = %(number)s"
    found = _letters(connection, service, query, number=number)
    if not found:
        raise _unknown(service, id)
    if said:
        row = _row(connection, "SELECT meta, data, stream, version FROM events WHERE position = %s", number)
        meta, data, stream, version = row
        return Content(found[0], meta, data, {"stream": stream, "version": version, "position": number})
    headers, payload, topic, partition, offset = _row(
        connection,
        "SELECT headers, payload, topic, kafka_partition, kafka_offset FROM dead_letters WHERE id = %s",
        number,
    )
    source = {"topic": topic, "partition": partition, "offset": offset}
    return Content(found[0], dict(headers), _readable(bytes(payload)), source)


def retry(connection: Connection, service: str, id: str | None) -> list[Letter]:
    """Let the service try again now, with a full set of attempts; `id` None: every letter.

    A refused fact goes back into the outbox. The letters that wait behind one stay behind it and follow as soon as it
    is healed. Returns the letters that were taken, as they were; raises `OperatorError` where there is none of this id.
    """
    before = letters(connection, service)
    said, number = (None, None) if id is None else _parse(id)
    with connection.transaction():
        taken: set[str] = set()
        if said is not True:
            taken |= _ids(
                connection,
                "UPDATE dead_letters SET state = 'retrying', attempts = 0, next_attempt_at = now()"
                " WHERE %(number)s::bigint IS NULL OR id = %(number)s RETURNING id::text",
                number,
            )
            _wake_followers(connection, number)
        if said is not False:
            taken |= _ids(
                connection,
                "WITH back AS (DELETE FROM outbox_dead_letters"
                " WHERE %(number)s::bigint IS NULL OR position = %(number)s RETURNING position), again AS"
                " (INSERT INTO outbox (position) SELECT position FROM back ON CONFLICT DO NOTHING)"
                " SELECT 'outbox-' || position FROM back",
                number,
            )
        if id is not None and not taken:
            raise _unknown(service, id)
    return [letter for letter in before if letter.id in taken]


def discard(connection: Connection, service: str, id: str) -> Letter:
    """Forget a letter for good: its event is never handled, or its fact never said. What waits behind it goes on.

    Returns what was discarded; raises `OperatorError` where there is none of this id.
    """
    letter = content(connection, service, id).letter
    said, number = _parse(id)
    with connection.transaction():
        if said:
            query = "DELETE FROM outbox_dead_letters WHERE position = %(number)s RETURNING position::text"
        else:
            _wake_followers(connection, number)
            query = "DELETE FROM dead_letters WHERE id = %(number)s RETURNING id::text"
        if not _ids(connection, query, number):
            raise _unknown(service, id)
    return letter


def _wake_followers(connection: Connection, number: int | None) -> None:
    """What only waits behind these letters is due as soon as they are gone; what failed by itself is left to a person."""
    connection.execute(
        "UPDATE dead_letters later SET state = 'retrying', next_attempt_at = now() FROM dead_letters first"
        " WHERE (%(number)s::bigint IS NULL OR first.id = %(number)s) AND later.consumer = first.consumer"
        " AND later.subject = first.subject AND later.id > first.id AND later.state <> 'dead'",
        {"number": number},
    )


def _letters(connection: Connection, service: str, query: str, **parameters: Any) -> list[Letter]:
    with connection.cursor(row_factory=class_row(Letter)) as cursor:
        return cursor.execute(query, {"service": service, **parameters}).fetchall()


def _ids(connection: Connection, query: str, number: int | None) -> set[str]:
    return {id for (id,) in connection.execute(query, {"number": number}).fetchall()}


def _row(connection: Connection, query: str, *parameters: object) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row


def _parse(id: str) -> tuple[bool, int]:
    digits = id.removeprefix(_OUTBOX)
    if not (digits.isascii() and digits.isdecimal()) or int(digits) >= 2**63:
        raise OperatorError(
            f"{id!r} is no letter's id: they are numbers, or {_OUTBOX}<number> for refused facts."
        )
    return id != digits, int(digits)


def _unknown(service: str, id: str) -> OperatorError:
    return OperatorError(f"{service} has no dead letter {id}; see ./igny8 dlq list --service {service}.")


def _readable(payload: bytes) -> Any:
    """JSON where it is some, else text with what is unreadable escaped."""
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode("utf-8", "backslashreplace")
