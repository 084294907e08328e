"""Reading facts as they are stored, across tenants, and saying the public ones again. Needs the owner's role."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from common.operate import OperatorError

Connection = psycopg.Connection[Any]

POLL_SECONDS = 0.5
WINDOW_POSITIONS = 1_000
"""A lower position can commit after a higher one: who follows looks this far back for late ones."""
SLICE_ROWS, SLICE_BYTES = 2_000, 2_000_000
"""As in catch-up: two slices fit into what the embedded broker remembers of one partition."""
STUCK_SECONDS = 60.0
"""A relay sends thousands of rows a second; one that says nothing for a minute is away or stuck."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A stored event with its envelope, undecoded: readable also where no code knows the type any more."""

    service: str
    position: int
    account_id: UUID
    stream: str
    version: int
    event_id: UUID
    type: str
    data: dict[str, Any]
    meta: dict[str, Any]
    recorded_at: datetime

    @property
    def actor(self) -> str:
        return str(self.meta.get("actor", "system"))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {
            "account_id": str(self.account_id),
            "event_id": str(self.event_id),
            "actor": self.actor,
            "recorded_at": self.recorded_at.isoformat(),
        }


_FACT = (
    "SELECT %(service)s::text AS service, position, account_id, stream, version, event_id, type, data, meta, recorded_at"
    " FROM events "
)


def _facts(connection: Connection, service: str, rest: str, **parameters: Any) -> list[Fact]:
    with connection.cursor(row_factory=class_row(Fact)) as cursor:
        return cursor.execute(_FACT + rest, {"service": service, **parameters}).fetchall()


def tail(connection: Connection, service: str, most: int) -> list[Fact]:
    """The last `most` facts, oldest first."""
    return _facts(connection, service, "ORDER BY position DESC LIMIT %(most)s", most=most)[::-1]


class Follower:
    """Each fact that is recorded from now on, once, also one whose position is lower than others already shown."""

    def __init__(self, connection: Connection, service: str) -> None:
        self._connection = connection
        self._service = service
        self._seen = {fact.position for fact in tail(connection, service, WINDOW_POSITIONS)}

    def new(self) -> list[Fact]:
        """What was recorded since the last call, in the order of positions."""
        floor = max(self._seen, default=0) - WINDOW_POSITIONS
        found = _facts(
            self._connection,
            self._service,
            "WHERE position > %(floor)s AND position <> ALL(%(seen)s) ORDER BY position",
            floor=floor,
            seen=list(self._seen),
        )
        self._seen = {position for position in self._seen if position > floor}
        self._seen.update(fact.position for fact in found)
        return found


def stream(connection: Connection, service: str, name: str) -> list[Fact]:
    """All facts of a stream, in order; empty when there is none."""
    return _facts(connection, service, "WHERE stream = %(name)s ORDER BY version", name=name)


@dataclass(frozen=True, slots=True)
class Slice:
    """How far a republication is: everything up to position `reached` of `last` has been said, `facts` so far."""

    reached: int
    first: int
    last: int
    facts: int


def republish(
    connection: Connection,
    *,
    since: datetime | None = None,
    beat: Callable[[], None] = lambda: None,
    stuck_after: float = STUCK_SECONDS,
) -> Iterator[Slice]:
    """Put what was recorded since a time (None: everything) into the outbox again, the next slice when one is said.

    The relay leaves out private facts and consumers ignore what they know. `connection` must be in autocommit.
    Raises `OperatorError` when the outbox stops getting shorter for `stuck_after` seconds; doing it again is harmless.
    """
    row = connection.execute(
        "SELECT coalesce(min(position), 0), (SELECT last_position()) FROM events"
        " WHERE %(since)s::timestamptz IS NULL OR recorded_at >= %(since)s",
        {"since": since},
    ).fetchone()
    assert row is not None
    first, last = row
    reached, facts = first - 1, 0
    while first and reached < last:
        after = reached
        (reached,) = _row(
            connection, "SELECT republish_events(%s, %s, %s, %s)", after + 1, last, SLICE_ROWS, SLICE_BYTES
        )
        (found,) = _row(
            connection, "SELECT count(*) FROM events WHERE position > %s AND position <= %s", after, reached
        )
        facts += found
        _until_said(connection, reached, beat, stuck_after)
        yield Slice(reached, first, last, facts)


def _until_said(connection: Connection, reached: int, beat: Callable[[], None], stuck_after: float) -> None:
    waiting, deadline = -1, 0.0
    while True:
        before = waiting
        (waiting,) = _row(connection, "SELECT count(*) FROM outbox WHERE position <= %s", reached)
        if not waiting:
            return
        if waiting != before:
            deadline = time.monotonic() + stuck_after
        elif time.monotonic() > deadline:
            raise OperatorError(
                f"The outbox still holds {waiting} facts and does not get shorter: is the service running, and Kafka?"
                " What waits will be said when they are; ./igny8 doctor says what is wrong."
            )
        beat()
        time.sleep(POLL_SECONDS / 10)


def _row(connection: Connection, query: str, *parameters: object) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row
