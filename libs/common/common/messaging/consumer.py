"""The one factory that makes every Kafka subscriber of the product (an architecture test forbids any other).

FastStream delivers batches; acknowledging is ours (`MANUAL`), because after a handler error its other policies either
pass the failed message for good or deliver it again at once and without limit (FOUNDATION, ARCHITECTURE §4).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from itertools import chain
from time import monotonic
from typing import Any, cast

import faststream.kafka
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import KafkaAckableMessage

from common.crash_points import crash_point
from common.database import is_away
from common.messaging.inbox import Inbox, Message
from common.messaging.offsets import Progress
from common.messaging.topics import partitions_of
from common.messaging.truncation import Places, last_left
from common.messaging.watch import Fetches, Wedged, consumer_tasks, kafka_answers, part_with_consumer
from common.supervision import Beat

log = structlog.get_logger()

MAX_RECORDS = 500
"""At a tenth of a millisecond an event, a batch stays near 50 ms and holds its accounts' locks no longer."""
FETCH_WAIT_MS = 500
"""How long Kafka holds back the answer to a fetch when nothing is there; a message ends the wait."""
EMBEDDED_WAIT_MS = 10
"""The embedded broker never wakes a waiting fetch: half of this is added to each hop."""
EMBEDDED_IDLE_WAIT_MS = 100
"""The same where nothing has come for a second: fetches are what an idle stack spends its processor time on."""
POLL_MS = 1_000
"""A turn of the loop when nothing comes."""
SESSION_MS, HEARTBEAT_MS = 6_000, 1_500
"""Kafka's smallest default session: a killed replica's partitions move within six seconds."""
REBALANCE_MS = 30_000
"""How long the group waits for a member that lives: a batch of a slow handler comes to its end before its partitions go."""
REQUEST_MS = 10_000
"""A connection that falls silent is given up by the client itself then; aiokafka's own 40 s outlast six sessions."""
COMMIT_SECONDS = 0.25
COMMIT_AGAIN_TURNS = 12
"""Kafka is told where we are every three seconds also where nothing has come: whom the group has thrown out learns it so."""
COMMIT_DEADLINE_SECONDS = 5.0
REFUSED_SECONDS = 15.0
"""A rebalance refuses commits for two sessions at most."""
QUIET_SECONDS = 2.0
"""A poll ends after one, a batch mostly after a twentieth. What takes longer gives no sign of life: the supervisor judges it."""
PARTING_SECONDS = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0

Take = Callable[[Sequence[Message]], Awaitable[None]]


def group_of(service: str) -> str:
    """The consumer group, and the `consumer` in inbox and offsets."""
    return f"igny8.{service}"


class Consumer:
    """A supervised batch subscriber; runs until cancelled, `beat` at every commit turn."""

    def __init__(
        self,
        kafka: str,
        group: str,
        topics: Sequence[str],
        *,
        embedded: bool,
        take: Take,
        inbox: Inbox | None = None,
        whole: bool = False,
    ) -> None:
        """`whole`: this process takes every partition, whatever other replicas take; for what is in no database."""
        self._kafka = kafka
        self._group = group
        self._topics = topics
        self._embedded = embedded
        self._alone = embedded or whole
        self._take = take
        self._inbox = inbox
        self._handled: dict[TopicPartition, int] = {}
        self._done: dict[TopicPartition, int] = {}
        self._positions: dict[TopicPartition, int] = {}
        self._places = Places()
        self._busy = asyncio.Lock()
        self._pause = FIRST_PAUSE
        self._error = ""
        self._fetches = Fetches()
        self._polled_at = monotonic()
        self._turns_since_commit = 0
        self._refused_since: float | None = None
        self.assigned = False
        self._client: AIOKafkaConsumer | None = None

    def lag(self) -> int | None:
        """Messages of the assigned partitions that are not yet handled; None before the first fetch."""
        if self._client is None or not self.assigned:
            return None
        behind = 0
        for partition in self._client.assignment():
            end, handled = self._client.highwater(partition), self._done.get(partition)
            if end is not None:
                behind += end - (handled if handled is not None else end)
        return behind

    async def run(self, beat: Beat) -> None:
        """Raises what ended it; `Wedged` when its client does not work although Kafka does."""
        broker = KafkaBroker(
            self._kafka,
            logger=None,
            client_id=self._group,
            request_timeout_ms=REQUEST_MS,
            allow_auto_create_topics=False,
            consumer_only=True,
            graceful_timeout=PARTING_SECONDS / 2,
            apply_types=False,  # what it would inject comes out of a worker thread: a millisecond for each batch
        )
        listener = _Assignment(self)

        async def parse(records: tuple[Any, ...]) -> KafkaMessage:
            # FastStream's own parser decodes every header as UTF-8 and would lose a batch for one odd byte.
            return KafkaAckableMessage(records, b"", consumer=listener.consumer())

        # On the embedded broker a service is alone and takes every partition: a group would let it wait for seconds until
        # its killed predecessor's membership has ended.
        partitions = await partitions_of(self._kafka, self._topics) if self._alone else []
        subscriber = broker.subscriber(
            *([] if self._alone else self._topics),
            partitions=[faststream.kafka.TopicPartition(p.topic, p.partition) for p in partitions],
            group_id=self._group,
            batch=True,
            fetch_max_wait_ms=EMBEDDED_WAIT_MS if self._embedded else FETCH_WAIT_MS,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            rebalance_timeout_ms=REBALANCE_MS,
            parser=parse,
            decoder=_decode,
            listener=None if self._alone else listener,
            no_reply=True,
        )

        @subscriber
        async def handle(message: KafkaMessage) -> None:
            await self._handle(message)

        subscriber.get_msg = self._next_batch  # type: ignore[assignment, method-assign]
        listener.consumer = lambda: cast("AIOKafkaConsumer", subscriber.consumer)
        try:
            await broker.start()
            client = listener.consumer()
            assert client is not None
            if self._alone:
                await listener.on_partitions_assigned(set(partitions))
            while True:
                await asyncio.sleep(COMMIT_SECONDS)
                for task in subscriber.tasks:
                    if task.done():
                        raise Wedged(f"the subscriber's task ended: {task!r}")
                for name, part in consumer_tasks(client).items():
                    if part.done():
                        raise Wedged(f"the consumer's {name} ended: {part!r}")
                await self._notice_jumps(client)
                trouble = await self._settle()
                await self.commit(client)
                trouble = trouble or self._error or await self._trouble(client)
                if trouble or monotonic() - self._polled_at < QUIET_SECONDS:
                    beat(trouble)
        finally:
            self.assigned = False
            await self._part(broker, listener.consumer())

    async def _part(self, broker: KafkaBroker, client: AIOKafkaConsumer | None) -> None:
        with contextlib.suppress(Exception):
            await self._settle()
            await self.commit(client)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(PARTING_SECONDS):
                await broker.stop()
        if client is not None:
            await part_with_consumer(client)

    async def _trouble(self, client: AIOKafkaConsumer) -> str:
        """What keeps it from its work; raises `Wedged` when a new client would do it."""
        still = self._fetches.still(client)
        if still:
            trouble = f"no answer for {still[0].topic}/{still[0].partition}"
        elif self._refused_since and monotonic() - self._refused_since > REFUSED_SECONDS:
            trouble = "no offset is taken"
        else:
            return ""
        if await kafka_answers(self._kafka, still):
            raise Wedged(f"{trouble}, while Kafka answers others")
        return f"Kafka does not answer ({trouble})"

    async def _next_batch(self, client: AIOKafkaConsumer) -> tuple[Any, ...]:
        """In place of FastStream's, which sleeps as long as it polled whenever nothing came: events would wait for it."""
        batches = await client.getmany(timeout_ms=POLL_MS, max_records=MAX_RECORDS)
        self._polled_at = monotonic()
        if self._embedded:
            fetcher: Any = client._fetcher  # asks with this at every fetch
            fetcher._fetch_max_wait_ms = EMBEDDED_WAIT_MS if batches else EMBEDDED_IDLE_WAIT_MS
        return tuple(chain.from_iterable(batches.values()))

    async def _handle(self, message: KafkaMessage) -> None:
        async with self._busy:
            try:
                records = await self._new_ones(cast("tuple[Any, ...]", message.raw_message))
                if records:
                    await self._take(
                        [Message(r.topic, r.partition, r.offset, r.headers, r.value) for r in records]
                    )
            except Exception as error:
                # Whatever it is, the batch was not taken: it must come again. What is wrong with single events is
                # parked inside `take`, so this is infrastructure that is away (or a bug there, which repeats loudly).
                log.warning("batch_not_taken", group=self._group, away=is_away(error), error=repr(error))
                self._error = repr(error)
                await asyncio.sleep(self._pause)
                self._pause = min(LONGEST_PAUSE, self._pause * 2)
                await message.nack()
                return
            self._pause, self._error = FIRST_PAUSE, ""
            for record in records:
                partition = TopicPartition(record.topic, record.partition)
                self._handled[partition] = self._done[partition] = record.offset + 1
                self._places.gone_on(partition)

    async def _new_ones(self, records: Sequence[Any]) -> list[Any]:
        """What goes on where we are; the others' partitions go on where their log was cut."""
        if self._inbox is None:
            return list(records)
        firsts: dict[TopicPartition, Any] = {}
        for record in records:
            firsts.setdefault(TopicPartition(record.topic, record.partition), record)
        assert self._client is not None
        cut = {
            partition
            for partition, first in firsts.items()
            if not self._places.goes_on(partition, self._done.get(partition, 0), first)
            and partition in self._client.assignment()
        }
        if cut:
            await self._rewind(self._client, cut)
        return [
            record
            for record in records
            if (partition := TopicPartition(record.topic, record.partition)) not in cut
            and record.offset >= self._done.get(partition, 0)
        ]

    async def _rewind(self, consumer: AIOKafkaConsumer, cut: Collection[TopicPartition]) -> None:
        """Go on behind what is left of logs that were cut; their sources are asked for what was lost."""
        assert self._inbox is not None
        await self._inbox.settle()
        taken = await self._inbox.progress()
        for partition in cut:
            place = (partition.topic, partition.partition)
            left = await last_left(self._kafka, partition, taken.get(place, Progress(0, None)))
            log.warning("log_cut", group=self._group, topic=partition.topic, partition=partition.partition)
            await self._inbox.rewind(*place, left)
            consumer.seek(partition, left.next_offset)
            self._handled[partition] = self._done[partition] = left.next_offset
            self._places.gone_on(partition)

    async def _settle(self) -> str:
        """Have what was passed recorded, unless a batch is on its way, which does so; what went wrong."""
        if self._inbox is None or self._busy.locked():
            return ""
        async with self._busy:
            try:
                await self._inbox.settle()
            except Exception as error:
                log.warning("passed_unrecorded", group=self._group, away=is_away(error), error=repr(error))
                return repr(error)
        return ""

    async def commit(self, consumer: AIOKafkaConsumer | None) -> None:
        """Tell Kafka how far we are; only for lag figures and as a first guess after a restart."""
        handled, self._handled = self._handled, {}
        self._turns_since_commit += 1
        if self._refused_since or self._turns_since_commit > COMMIT_AGAIN_TURNS:
            handled = {**self._done, **handled}
        if consumer is None or not handled:
            return
        mine = {tp: offset for tp, offset in handled.items() if tp in consumer.assignment()}
        if mine:
            self._turns_since_commit = 0
            crash_point("offset.before_commit")
            try:
                async with asyncio.timeout(COMMIT_DEADLINE_SECONDS):
                    await consumer.commit(mine)
                self._refused_since = None
            except (KafkaError, TimeoutError):
                self._refused_since = self._refused_since or monotonic()
            crash_point("offset.after_commit")

    async def _notice_jumps(self, consumer: AIOKafkaConsumer | None) -> None:
        """Where Kafka moved us on because it forgot all that lay between, no message may come for long to show the gap.

        A position is ahead of what is done also while a batch is on its way to us: so it must stay ahead for a turn.
        """
        if self._inbox is None or consumer is None or not self.assigned or self._busy.locked():
            return
        positions: dict[TopicPartition, int] = {}
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(COMMIT_SECONDS):
                for partition in consumer.assignment():
                    positions[partition] = await consumer.position(partition)
        async with self._busy:
            cut = await self._beyond_the_end(consumer, positions)
            if cut:
                await self._rewind(consumer, cut)
            jumped = {
                partition: position
                for partition, position in positions.items()
                if partition not in cut
                and position > self._done.get(partition, 0)
                and self._positions.get(partition) == position
            }
            if jumped:
                log.warning("messages_forgotten", group=self._group, partitions=len(jumped))
                await self._inbox.skip({(p.topic, p.partition): at for p, at in jumped.items()})
                self._handled |= jumped
                self._done |= jumped
        self._positions = positions

    async def _beyond_the_end(
        self, consumer: AIOKafkaConsumer, positions: Mapping[TopicPartition, int]
    ) -> list[TopicPartition]:
        """Those whose log ends below what was taken, so that Kafka moved us to its beginning.

        Asked for again: what was just taken was not taken yet when the positions were.
        """
        cut = []
        for partition, position in positions.items():
            lowest = self._places.lowest(partition, self._done.get(partition, 0))
            if position < lowest and partition in consumer.assignment():
                with contextlib.suppress(KafkaError, TimeoutError):
                    async with asyncio.timeout(COMMIT_SECONDS):
                        if await consumer.position(partition) < lowest:
                            cut.append(partition)
        return cut

    async def revoked(self, consumer: AIOKafkaConsumer | None) -> None:
        async with self._busy:
            if self._inbox is not None:
                with contextlib.suppress(Exception):  # else they come again, to whom gets the partitions
                    await self._inbox.settle()
            await self.commit(consumer)

    async def assign(self, consumer: AIOKafkaConsumer, partitions: set[TopicPartition]) -> None:
        """Go on where the database says, not where Kafka last heard of us."""
        if self._inbox is not None:
            known = await self._inbox.progress()
            for partition in partitions:
                at = known.get((partition.topic, partition.partition))
                if at is not None:
                    consumer.seek(partition, self._places.begin(partition, at))
                    # Said to Kafka as well: a last commit may have been lost, and a catch-up waits for this figure.
                    self._handled[partition] = self._done[partition] = at.next_offset
        self._client = consumer
        self.assigned = True


class _Assignment(ConsumerRebalanceListener):
    def __init__(self, owner: Consumer) -> None:
        self._owner = owner
        self.consumer: Callable[[], AIOKafkaConsumer | None] = lambda: None

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._owner.revoked(self.consumer())

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        consumer = self.consumer()
        assert consumer is not None
        while True:
            try:
                await self._owner.assign(consumer, assigned)
            except Exception as error:
                # Without the database there is nothing to take a batch with: wait for it, the group waits with us.
                log.warning("assignment_waits", error=repr(error))
                await asyncio.sleep(0.5)
            else:
                return


async def _decode(message: KafkaMessage) -> KafkaMessage:
    """What the handler gets: all of it, for a batch that was not taken is given back."""
    return message
