"""Catching up: a consumer that missed events asks their source, the source says them again at the consumer's pace.

The consumer side only has to notice (`advance_consumer`, `begin_incarnation`) and to ask until Kafka has the request.
The source side keeps a cursor per consumer and puts slice after slice into its outbox, the next one only when the
consumer's group has taken the last: the embedded broker forgets after 5 MB a partition. A gap that opens meanwhile sends
the cursor back to its start; the consumer's inbox drops what it knows.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from common.contracts import events_topic
from common.contracts.control import CatchUpRequested
from common.database import Database
from common.messaging.direct import DirectProducer
from common.messaging.envelope import MalformedMessage, parse
from common.messaging.inbox import Message

log = structlog.get_logger()

MARGIN = timedelta(seconds=60)
"""Positions follow commits only within an account, and times are those of a transaction's start: the longest
transaction (30 s by the session's time-outs) may have committed behind the consumer's last event; twice that is sure."""
SLICE_ROWS, SLICE_BYTES = 2_000, 2_000_000
"""Two slices fit into what the embedded broker remembers of one partition."""
POLL_SECONDS = 0.25
PATIENCE_SECONDS = 30.0
"""How long a slice that its consumer does not take holds up the others: a service that was stopped takes none."""
LATE_LOOK_SECONDS = 5.0
LINGER_SECONDS = 10.0
"""How long a catch-up stays after its last slice was taken: a gap in that one is asked for within about two seconds."""
LOOKS_AT_THE_END = 40
"""How often a slice is looked for until the topic's end is asked for again: in a broker's new life it may lie lower."""
IDLE_SECONDS = 1.0
"""How often each side looks whether there is a catch-up at all."""


async def ask(database: Database, producer: DirectProducer, beat: Callable[[], None]) -> None:
    """The consumer's loop: put each recorded request on Kafka, then forget it."""
    while True:
        beat()
        async with database.transaction(None) as tx:
            rows = await tx.all(
                "SELECT consumer, source, since FROM catch_up_requests ORDER BY consumer, source"
            )
        for row in rows:
            since: datetime = row["since"]
            log.warning("catch_up_asked", source=row["source"], since=since.isoformat())
            await producer.send(
                CatchUpRequested(
                    source=row["source"],
                    consumer=row["consumer"],
                    since=since.isoformat(),
                )
            )
            async with database.transaction(None) as tx:
                await tx.execute(
                    "DELETE FROM catch_up_requests WHERE consumer = %(consumer)s AND source = %(source)s"
                    " AND since = %(since)s",
                    dict(row),
                )
        await asyncio.sleep(IDLE_SECONDS)


@dataclass
class _Slice:
    """Up to which position it reaches, when it was given, and where the topic's partitions ended once it was said."""

    reached: int
    at: float
    ends: dict[TopicPartition, int] | None = None
    looks: int = 0
    look_at: float = 0.0
    taken_at: float | None = None


class CatchUpSource:
    """The source's side of one service."""

    def __init__(self, service: str, database: Database, kafka: str, wake_relay: Callable[[], None]) -> None:
        self._service = service
        self._database = database
        self._kafka = kafka
        self._wake_relay = wake_relay
        self._open: dict[str, _Slice] = {}
        """What each consumer was given last and has not taken yet."""
        self._given_at: dict[str, float] = {}

    async def take(self, messages: Sequence[Message]) -> None:
        """Hear requests on the control topic; heard twice, the cursor goes back to its start, which harms nothing."""
        for message in messages:
            try:
                event = parse(message.headers, message.value)
            except MalformedMessage as error:
                log.error("control_message_unreadable", error=str(error), offset=message.offset)
                continue
            request = event.data
            if isinstance(request, CatchUpRequested) and request.source == self._service:
                since = datetime.fromisoformat(request.since) - MARGIN
                await self._begin(request.consumer, since)

    async def _begin(self, consumer: str, since: datetime) -> None:
        async with self._database.transaction(None) as tx:
            await tx.execute(
                "INSERT INTO catch_ups AS c (consumer, start_position, next_position, until_position)"
                " SELECT %(consumer)s, start, start, last_position() FROM position_since(%(since)s) AS start"
                " ON CONFLICT (consumer) DO UPDATE SET"
                " start_position = least(c.start_position, excluded.start_position),"
                " next_position = least(c.start_position, excluded.start_position),"
                " until_position = greatest(c.until_position, excluded.until_position)",
                {"consumer": consumer, "since": since},
            )
        log.info("catch_up_begun", consumer=consumer, since=str(since))

    async def run(self, beat: Callable[[], None]) -> None:
        """The source's loop: slice after slice, to each waiting consumer in turn.

        One is on its way at a time, since the broker may forget what is more; but whoever does not take his for a while
        holds up nobody else.
        """
        while True:
            beat()
            async with self._database.transaction(None) as tx:
                rows = await tx.all("SELECT consumer FROM catch_ups ORDER BY requested_at")
            waiting = [row["consumer"] for row in rows]
            self._open = {consumer: given for consumer, given in self._open.items() if consumer in waiting}
            late = monotonic() - PATIENCE_SECONDS
            for consumer, given in list(self._open.items()):
                beat()
                if given.at < late and monotonic() < given.look_at:
                    continue
                given.look_at = monotonic() + LATE_LOOK_SECONDS
                if given.taken_at is None and await self._taken(consumer, given):
                    given.taken_at = monotonic()
                if given.taken_at is not None and await self._is_over(consumer, monotonic() - given.taken_at):
                    del self._open[consumer]
            if all(given.at < late or given.taken_at is not None for given in self._open.values()):
                ready = [consumer for consumer in waiting if consumer not in self._open]
                if ready:
                    await self._give(min(ready, key=lambda consumer: self._given_at.get(consumer, 0.0)))
            if not waiting:
                await asyncio.sleep(IDLE_SECONDS)
            else:
                unsaid = any(given.ends is None for given in self._open.values())
                await asyncio.sleep(POLL_SECONDS / 5 if unsaid else POLL_SECONDS)

    async def _give(self, consumer: str) -> None:
        async with self._database.transaction(None) as tx:
            cursor = await tx.first(
                "SELECT next_position, until_position,"
                " republish_events(next_position, until_position, %(rows)s, %(bytes)s) AS reached"
                " FROM catch_ups WHERE consumer = %(consumer)s FOR UPDATE",
                {"consumer": consumer, "rows": SLICE_ROWS, "bytes": SLICE_BYTES},
            )
            if cursor is None:
                return
            reached = cursor["reached"]
            await tx.execute(
                "UPDATE catch_ups SET next_position = %(next)s WHERE consumer = %(consumer)s",
                {"consumer": consumer, "next": reached + 1},
            )
        self._given_at[consumer] = monotonic()
        self._open[consumer] = _Slice(reached, monotonic())
        self._wake_relay()

    async def _is_over(self, consumer: str, since: float) -> bool:
        """Whether a slice that was taken `since` seconds ago is over, and with the last one the catch-up, a little later.

        What the broker forgot of the last slice is asked for from the consumer's newest event on; as long as the catch-up
        is there, that sends it back to its start.
        """
        async with self._database.transaction(None) as tx:
            cursor = await tx.first(
                "SELECT next_position > until_position AS last FROM catch_ups WHERE consumer = %(consumer)s FOR UPDATE",
                {"consumer": consumer},
            )
            if cursor is None or not cursor["last"]:
                return True
            if since < LINGER_SECONDS:
                return False
            await tx.execute("DELETE FROM catch_ups WHERE consumer = %(consumer)s", {"consumer": consumer})
        log.info("catch_up_done", consumer=consumer)
        return True

    async def _taken(self, consumer: str, given: _Slice) -> bool:
        """Whether the outbox has said the slice, and the consumer's group has come to where the topic then ended."""
        if given.ends is None:
            if not await self._said(given.reached):
                return False
            given.ends = await end_offsets(self._kafka, events_topic(self._service))
        given.looks += 1
        if given.looks % LOOKS_AT_THE_END == 0:
            now = await end_offsets(self._kafka, events_topic(self._service))
            given.ends = {partition: min(end, now.get(partition, 0)) for partition, end in given.ends.items()}
        committed = await committed_offsets(self._kafka, consumer, list(given.ends))
        return all(committed.get(partition, 0) >= end for partition, end in given.ends.items() if end > 0)

    async def _said(self, reached: int) -> bool:
        async with self._database.transaction(None) as tx:
            return not await tx.scalar(
                "SELECT EXISTS (SELECT FROM outbox WHERE position <= %(reached)s)", {"reached": reached}
            )


async def end_offsets(kafka: str, topic: str) -> dict[TopicPartition, int]:
    """The offset after the last message of each partition of a topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    try:
        await consumer._client._wait_on_metadata(topic)
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        offsets: dict[TopicPartition, int] = await consumer.end_offsets(partitions) if partitions else {}
        return offsets
    finally:
        await consumer.stop()


async def committed_offsets(
    kafka: str, group: str, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, int]:
    """What a consumer group has committed of these partitions (the embedded broker cannot say it of "all")."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        offsets: dict[TopicPartition, Any] = await admin.list_consumer_group_offsets(
            group, partitions=list(partitions)
        )
        return {partition: int(found.offset) for partition, found in offsets.items()}
    finally:
        await admin.close()
