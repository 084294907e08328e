"""Filling a service's replicas again: their sources say once more all they recorded, and of what a service knows already only
its replicas take anything (`Reactions.keep_again`): no command, no job and no mail follows a second time."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql

from common.contracts.base import SERVICES, events_topic
from common.messaging.consumer import group_of
from common.operate import OperatorError
from common.service import Service

Connection = psycopg.Connection[Any]

POLL_SECONDS = 0.25
STUCK_SECONDS = 60.0
"""A service asks within a second, and a source that runs gives the next two thousand facts within a few."""


def sources_of(service: Service) -> tuple[str, ...]:
    """The services from whose events it keeps replicas."""
    return tuple(each for each in SERVICES if events_topic(each) in service.reactions.replica_topics)


def ask(connection: Connection, service: Service, *, empty: bool = False) -> tuple[str, ...]:
    """Have the service ask its sources for everything; returns them. `connection` is the owner's, in autocommit.

    `empty`: without the rows that are there, also where they say something else than the events. All or nothing; what was
    asked goes on without whoever asked, and asking again begins again.
    """
    sources = sources_of(service)
    with connection.transaction():
        for table in service.model.replicas if empty else ():
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)))
        connection.execute(
            "INSERT INTO catch_up_requests (consumer, source, since) SELECT %s, unnest(%s::text[]), 'epoch'"
            " ON CONFLICT (consumer, source) DO UPDATE SET since = excluded.since",
            (group_of(service.name), list(sources)),
        )
    return sources


@dataclass
class _Catching:
    """One source's catch-up for one service."""

    begun: bool = False
    over: bool = False
    said: int = 0
    to_say: int = 0

    def look(self, service: str, source: str, connections: Mapping[str, Connection]) -> None:
        # First whether it is still to be asked: the catch-up that is seen then is the one that was asked for, or over.
        values = (group_of(service), source)
        query = "SELECT FROM catch_up_requests WHERE consumer = %s AND source = %s"
        waits = connections[service].execute(query, values).fetchone() is not None
        row = (
            connections[source]
            .execute(
                "SELECT next_position - start_position, until_position + 1 - start_position FROM catch_ups"
                " WHERE consumer = %s",
                (group_of(service),),
            )
            .fetchone()
        )
        if row is not None and not waits:
            self.begun = True
            self.said, self.to_say = row
        self.over = self.begun and row is None


def until_filled(
    asked: Mapping[str, Sequence[str]],
    connections: Mapping[str, Connection],
    progress: Callable[[str, int, int], None] = lambda _service, _said, _to_say: None,
    *,
    stuck_after: float = STUCK_SECONDS,
) -> None:
    """Return when each of the services that `asked` was given everything by its sources; tells how many positions are through.

    To be called at once after `ask`: a catch-up stays to be seen for some seconds only after its end. Raises `OperatorError`
    when nothing moves for `stuck_after` seconds; what was asked stays asked.
    """
    states = {(service, source): _Catching() for service, sources in asked.items() for source in sources}
    seen: Sequence[_Catching] = ()
    deadline = time.monotonic() + stuck_after
    while not all(state.over for state in states.values()):
        for service, sources in asked.items():
            for source in sources:
                state = states[service, source]
                state.look(service, source, connections)
            of_it = [states[service, source] for source in sources]
            progress(service, sum(each.said for each in of_it), sum(each.to_say for each in of_it))
        now = [replace(state) for state in states.values()]
        if now != seen:
            seen, deadline = now, time.monotonic() + stuck_after
        elif time.monotonic() > deadline:
            slow = ", ".join(
                f"{service} from {source}" for (service, source), at in states.items() if not at.over
            )
            raise OperatorError(
                f"Nothing came any more to fill {slow}: do they run, and Kafka? What was asked stays asked and goes on when"
                " they do; ./igny8 doctor says what is wrong."
            )
        time.sleep(POLL_SECONDS)
