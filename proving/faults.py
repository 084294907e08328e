"""What a campaign does to a running stack, drawn from a seed, and how each fault is struck and confirmed."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import psycopg
from common.contracts.base import SERVICES
from common.crash_points import Point
from igny8_local.stack import Stack

from proving.orders import PLACES, Orders
from tests.parts.kafka import RealKafka
from tests.parts.ports import DeadlineMissed, wait_for

Kind = Literal[
    "killed at a point",
    "two services killed",
    "broker killed",
    "broker away",
    "database killed",
    "database shut down at once",
    "answer of a commit lost",
    "connections cut",
]
OTHERS: tuple[tuple[Kind, int], ...] = (
    ("two services killed", 4),
    ("broker killed", 2),
    ("database killed", 2),
    ("database shut down at once", 2),
    ("answer of a commit lost", 3),
    ("connections cut", 2),
)
"""Faults other than a kill at a point, by weight."""
SHARE_OF_OTHERS = 0.25
OUTAGE_SECONDS = 120.0
"""How long a Kafka is away in the one long outage of a campaign, where nothing else is said."""
HITS = (1, 1, 2, 3)
STRIKE_SECONDS = 20.0
"""A point that nobody passes within this time counts as not fired."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`service` is the victim (empty: all of them), `other` a second one; `point` and `hit` say where the first dies.

    `seconds` is how long a broker is away.
    """

    kind: Kind
    service: str = ""
    point: Point | None = None
    hit: int = 1
    other: str = ""
    seconds: float = 0.0

    @property
    def victims(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.service, self.other))) or SERVICES

    @property
    def deaths(self) -> int:
        """How many processes it kills by itself; a broker takes the services with it, which are not counted."""
        return {
            "two services killed": 2,
            "answer of a commit lost": 0,
            "connections cut": 0,
            "broker away": 0,
        }.get(self.kind, 1)

    def __str__(self) -> str:
        where = f"{self.service}.{self.point} at hit {self.hit}" if self.point else self.service
        lasting = f"for {self.seconds:g} s" if self.seconds else ""
        return " ".join(filter(None, (self.kind, where, self.other and f"and {self.other}", lasting)))


def draw(seed: int) -> Iterator[Fault]:
    """Faults without end, the same for the same seed: every point of every service in turn, in shuffled rounds."""
    dice = random.Random(seed)
    last: tuple[str, ...] = ()
    while True:
        places = list(PLACES)
        dice.shuffle(places)
        while places:
            if dice.random() < SHARE_OF_OTHERS:
                kinds, weights = zip(*OTHERS, strict=True)
                (kind,) = dice.choices(kinds, weights)
                if kind in ("answer of a commit lost", "connections cut"):
                    yield Fault(kind, dice.choice(SERVICES))
                    continue
                if kind != "two services killed":
                    yield Fault(kind)
                    continue
            else:
                kind = "killed at a point"
            # Not the same victim twice in a row where there is a choice: it would die before it did anything.
            place = next((place for place in places if place[0] not in last), places[0])
            places.remove(place)
            service, point = place
            other = ""
            if kind == "two services killed":
                other = dice.choice([name for name in SERVICES if name != service])
            last = (service, other)
            yield Fault(kind, service, point, dice.choice(HITS), other)


class NotFired(Exception):
    """Nobody came by where the fault was waiting."""


def strike(
    fault: Fault,
    stack: Stack,
    orders: Orders,
    kafka: RealKafka | None = None,
    meanwhile: Callable[[float], None] = time.sleep,
) -> float:
    """Do it and see it done; from when on it can recover, in seconds since the epoch. Raises `NotFired`.

    A killed process has a successor on return; what it had sent before its death may have arrived after it. An embedded
    broker is started again by the stack itself; a Kafka (`kafka`) comes back when this starts it. For the time of an
    outage `meanwhile` gets the seconds.
    """
    match fault.kind:
        case "killed at a point" | "two services killed":
            return _order(fault, stack, orders)
        case "broker killed":
            if kafka is None:
                return _end(stack, "broker", signal.SIGKILL)
            kafka.kill()
            kafka.start()
            return time.time()
        case "broker away":
            with _away(stack, kafka):
                meanwhile(fault.seconds)
            return time.time()
        case "database killed":
            return _end(stack, "postgres", signal.SIGKILL)
        case "database shut down at once":
            return _end(stack, "postgres", signal.SIGQUIT)
        case "answer of a commit lost":
            return _lose_answer(stack, fault.service)
        case "connections cut":
            return _cut(stack, fault.service)


@contextmanager
def _away(stack: Stack, kafka: RealKafka | None) -> Iterator[None]:
    """Without a broker: a Kafka is dead meanwhile, an embedded one, which the stack would start again, stands still."""
    if kafka:
        kafka.kill()
        yield
        kafka.start()
        return
    pid = _running(stack, "broker")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _order(fault: Fault, stack: Stack, orders: Orders) -> float:
    assert fault.point is not None
    service, point = fault.service, fault.point
    old = {service: _running(stack, service)}
    orders.give(service, point, fault.hit)
    with suppress(DeadlineMissed):
        wait_for(lambda: orders.died_at(service, point), STRIKE_SECONDS)
    orders.withdraw(service, point)
    if (at := orders.died_at(service, point)) is None:
        raise NotFired
    if fault.other:  # before the first one's successor runs: for a while neither is there
        old[fault.other] = _running(stack, fault.other)
        _send(old[fault.other], signal.SIGKILL)
    for victim, pid in old.items():
        _succeeded(stack, victim, pid)
    return at


def _end(stack: Stack, part: str, sent: signal.Signals) -> float:
    """Send a deadly signal and see the supervisor notice."""
    old = _running(stack, part)
    at = time.time()
    _send(old, sent)
    _succeeded(stack, part, old)
    return at


def _send(pid: int, sent: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, sent)


def _running(stack: Stack, part: str) -> int:
    return wait_for(lambda: stack.pid(part) or 0, STRIKE_SECONDS, what=f"{part} runs")


def _succeeded(stack: Stack, part: str, old: int) -> None:
    wait_for(lambda: stack.pid(part) not in (None, old), 60, what=f"{part} is started again")


_WAITING = (
    "SELECT pid FROM pg_stat_activity WHERE datname = %s AND wait_event = 'SyncRep' ORDER BY random() LIMIT 1"
)


def _lose_answer(stack: Stack, service: str) -> float:
    """Commits go through, but their answers wait for a standby that does not exist; one connection ends waiting."""
    with _administrator(stack) as connection:
        connection.execute("SET synchronous_commit = local")
        _await_standby(connection, "nobody")
        try:
            database = _database(stack, service)
            with suppress(DeadlineMissed):
                row = wait_for(lambda: connection.execute(_WAITING, (database,)).fetchone(), STRIKE_SECONDS)
                at = time.time()
                connection.execute("SELECT pg_terminate_backend(%s, 5000)", row)
                return at
            raise NotFired
        finally:
            _await_standby(connection, "")


def _await_standby(connection: psycopg.Connection[tuple[int]], name: str) -> None:
    connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'".encode())
    connection.execute("SELECT pg_reload_conf()")


def _cut(stack: Stack, service: str) -> float:
    """End every connection of a service at once, whatever it is doing."""
    with _administrator(stack) as connection:
        at = time.time()
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        if not connection.execute(query, (_database(stack, service),)).fetchall():
            raise NotFired
        return at


def _administrator(stack: Stack) -> "psycopg.Connection[tuple[int]]":
    state = stack.state()
    assert state is not None
    return psycopg.connect(state["admin_database"], autocommit=True)


def _database(stack: Stack, service: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(stack.database_url(service))["dbname"])


def coverage(struck: Sequence[Fault]) -> tuple[int, int]:
    """How many of the points of all services were struck, and how many there are."""
    return len({(fault.service, fault.point) for fault in struck if fault.point}), len(PLACES)
