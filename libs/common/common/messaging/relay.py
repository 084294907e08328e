"""The outbox relay: says a service's public facts on Kafka, each at least once and each stream in its order.

One relay per database leads (a session advisory lock on the very connection that reads and deletes, so losing the lock
can only duplicate). It reads rows in position order and deletes exactly the positions it read: a lower position can
commit later than a higher one, so a reader of `position > last` loses events (FOUNDATION.md, The relay).
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import psycopg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, KafkaUnavailableError
from aiokafka.partitioner import DefaultPartitioner
from opentelemetry.trace import SpanKind

from common import telemetry
from common.contracts import events_topic
from common.crash_points import crash_point
from common.database import SESSION_OPTIONS, connection_options
from common.eventsourcing.event import Event, EventTypes, Meta, Recorded
from common.messaging.envelope import Headers, headers_of
from common.messaging.watch import KeptProducer
from common.model import ServiceModel
from common.supervision import Beat, comes

log = structlog.get_logger()

LEADER_LOCK = 0x1697_8000
LEADER_OPTIONS = (
    f"{SESSION_OPTIONS} -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
    " -c synchronous_commit=off"
)
"""The database too looks whether the leader is still there: it would keep the lock of a machine that lost its power for hours.
A deletion need not outlive the database's crash: the row is only said again."""
LEADER_SILENCE_SECONDS = 60
"""The same for a process that stands still: its kernel answers. One that works asks again before all its sends can be late."""
BATCH_ROWS = 2_000
POLL_SECONDS = 0.1
"""What another replica of this service appended waits at most this long; our own commits wake the relay."""
REQUEST_SECONDS = 5.0
"""A connection that falls silent is then given up by the producer itself, which numbers its messages: none is said twice."""
SEND_DEADLINE_SECONDS = 12.0
"""A batch whose leader is known never times out by itself in aiokafka, so the relay has a deadline of its own: time for a
second connection. Then the producer is replaced."""
ATTEMPTS_ALONE = 5
"""A row that Kafka refuses this often when sent alone goes aside, or it would stop every tenant."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """One outbox row, ready to be sent."""

    position: int
    key: bytes
    headers: Headers
    value: bytes
    milliseconds: int


class Relay:
    """Runs until cancelled; `wake` is called after commits, `beat` at every turn of the loop."""

    def __init__(
        self, database_url: str, model: ServiceModel, kafka: str, beat: Beat = lambda error="": None
    ) -> None:
        self.leading = False
        self.beat = beat
        self._database_url = database_url
        self._model = model
        self._kafka = kafka
        self._topic = events_topic(model.name)
        self._awake = asyncio.Event()
        self._producer = KeptProducer(
            kafka,
            f"igny8-{model.name}-relay",
            enable_idempotence=True,
            acks="all",
            max_batch_size=1024 * 1024 - 64 * 1024,
            request_timeout_ms=int(REQUEST_SECONDS * 1000),
            retry_backoff_ms=100,
        )
        self._refusals: dict[int, int] = {}

    def successor(self) -> "Relay":
        """One in the place of this, which failed or hung: it goes on counting what Kafka has refused."""
        relay = Relay(self._database_url, self._model, self._kafka)
        relay._refusals = self._refusals
        return relay

    def wake(self) -> None:
        self._awake.set()

    async def run(self) -> None:
        """Lead while connection and broker answer; raises what stopped it (the supervisor starts it again)."""
        try:
            await self._lead()
        finally:
            self.leading = False
            await self._producer.drop()

    async def _lead(self) -> None:
        async with await self.connect() as connection:
            while not await self._become_leader(connection):
                self.beat()
                await asyncio.sleep(0.5)
            self.leading = True
            while True:
                self._awake.clear()
                sent = await self.drain_once(connection)
                self.beat()
                if not sent:
                    await comes(self._awake, POLL_SECONDS)

    async def connect(self) -> psycopg.AsyncConnection[Any]:
        """To read and delete on."""
        options = f"{LEADER_OPTIONS} -c idle_session_timeout={LEADER_SILENCE_SECONDS}s"
        return await psycopg.AsyncConnection.connect(
            self._database_url,
            autocommit=True,
            **connection_options(f"igny8-{self._model.name}-relay", options),
        )

    async def _become_leader(self, connection: psycopg.AsyncConnection[Any]) -> bool:
        cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", (LEADER_LOCK,))
        row = await cursor.fetchone()
        return bool(row and row[0])

    async def drain_once(self, connection: psycopg.AsyncConnection[Any]) -> int:
        """Send and delete one batch; returns how many rows it took."""
        rows = await self._read(connection, BATCH_ROWS)
        if not rows:
            return 0
        messages = [message for row in rows if (message := self._message(row))]
        crash_point("outbox.before_send")
        try:
            await self._send(messages)
        except (KafkaError, OSError) as error:
            self.beat(f"not sent: {error!r}")
            await self._producer.drop()
            await self._send_singly_the_first(connection, messages, error)
            return len(rows)
        crash_point("outbox.after_send")
        await self._delete(connection, [row.position for row in rows])
        crash_point("outbox.after_delete")
        return len(rows)

    async def _read(self, connection: psycopg.AsyncConnection[Any], most: int) -> Sequence[Recorded[Event]]:
        # Never `position > …`: see the module's text.
        cursor = await connection.execute(
            "SELECT position, account_id, stream, version, event_id, type, data::text, meta::text, recorded_at"
            " FROM outbox JOIN events USING (position) ORDER BY position LIMIT %s",
            (most,),
            prepare=True,
        )
        return [_recorded(row, self._model.types) for row in await cursor.fetchall()]

    def _message(self, fact: Recorded[Event]) -> Message | None:
        contract = self._model.publish(fact)
        if contract is None:  # a republished range holds private facts too
            return None
        traceparent = fact.meta.traceparent
        if traceparent and telemetry.tracing():
            attributes: dict[str, str | int] = {
                telemetry.MESSAGING_SYSTEM: "kafka",
                telemetry.MESSAGING_DESTINATION: self._topic,
                telemetry.MESSAGING_MESSAGE_ID: str(fact.event_id),
                telemetry.EVENT_TYPE: type(contract).__name__,
            }
            with telemetry.span_from(traceparent, f"{self._topic} publish", SpanKind.PRODUCER, attributes):
                traceparent = telemetry.traceparent()
        key, headers, value = headers_of(contract, self._model.name, fact, traceparent)
        return Message(fact.position, key, headers, value, int(fact.recorded_at.timestamp() * 1000))

    async def _send(self, messages: Sequence[Message]) -> None:
        """Send all, one Kafka batch in flight per partition; raises KafkaError or OSError (late, or a broken producer)."""
        if not messages:
            return
        async with asyncio.timeout(SEND_DEADLINE_SECONDS):
            producer = await self._producer.get()
            partitions = tuple(sorted(await producer.partitions_for(self._topic)))
            by_partition: dict[int, list[Message]] = {}
            for message in messages:
                partition = _partitioner(message.key, partitions, partitions)
                by_partition.setdefault(partition, []).append(message)
            await self._producer.sent(
                asyncio.gather(
                    *(self._send_to(producer, partition, batch) for partition, batch in by_partition.items())
                )
            )

    async def _send_to(self, producer: AIOKafkaProducer, partition: int, messages: Sequence[Message]) -> None:
        pending = list(messages)
        while pending:
            batch = producer.create_batch()
            taken = 0  # at least one will be: a batch takes its first message whatever its size
            for message in pending:
                if (
                    batch.append(
                        key=message.key,
                        value=message.value,
                        timestamp=message.milliseconds,
                        headers=message.headers,
                    )
                    is None
                ):
                    break
                taken += 1
            batch.close()
            acknowledged = await producer.send_batch(batch, self._topic, partition=partition)
            await acknowledged
            del pending[:taken]

    async def _send_singly_the_first(
        self, connection: psycopg.AsyncConnection[Any], messages: Sequence[Message], error: BaseException
    ) -> None:
        """Find out whether one row is at fault: the front goes alone; if it fails too often it goes aside."""
        front = messages[0]
        try:
            await self._send([front])
        except (KafkaError, OSError) as alone:
            await self._producer.drop()
            count = self._refusals.get(front.position, 0) + _is_refusal(alone)
            self._refusals[front.position] = count
            if count < ATTEMPTS_ALONE or not await self._kafka_is_well():
                raise KafkaError(f"position {front.position}: {alone!r}") from error
            log.error("outbox_dead_letter", position=front.position, error=repr(alone))
            async with connection.transaction():
                await connection.execute(
                    "INSERT INTO outbox_dead_letters (position, error) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                    (front.position, repr(alone)),
                )
                await self._delete(connection, [front.position])
        else:
            await self._delete(connection, [front.position])
        self._refusals.pop(front.position, None)

    async def _kafka_is_well(self) -> bool:
        """Nobody's row is at fault while the broker itself does not answer."""
        try:
            async with asyncio.timeout(5):
                producer = await self._producer.get()
                return bool(await producer.partitions_for(self._topic))
        except (KafkaError, OSError):
            await self._producer.drop()
            return False

    async def _delete(self, connection: psycopg.AsyncConnection[Any], positions: Sequence[int]) -> None:
        await connection.execute(
            "DELETE FROM outbox WHERE position = ANY(%s)", (list(positions),), prepare=True
        )


_partitioner: Callable[[bytes, tuple[int, ...], tuple[int, ...]], int] = lru_cache(maxsize=10_000)(
    DefaultPartitioner()
)
"""Kafka's own: the same for every client. It hashes in Python, which takes longer than all else for a message."""

_meta = msgspec.json.Decoder(Meta)


def _is_refusal(error: BaseException) -> bool:
    """Whether Kafka looked at the message and said no; a broker that is away or late has not looked."""
    return (
        isinstance(error, KafkaError)
        and not error.retriable
        and not isinstance(error, KafkaTimeoutError | KafkaUnavailableError)
    )


def _recorded(row: Sequence[Any], types: EventTypes) -> Recorded[Event]:
    position, account_id, stream, version, event_id, type_name, data, meta, recorded_at = row
    return Recorded(
        position,
        account_id,
        stream,
        version,
        event_id,
        types.decode_json(type_name, data),
        _meta.decode(meta),
        recorded_at,
    )
