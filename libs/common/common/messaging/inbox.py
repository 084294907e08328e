"""The inbox: takes in a batch of messages exactly once, in one transaction, whatever Kafka delivers how often.

A batch first goes optimistically, all together and pipelined. When something in it fails, the transaction is rolled
back and the batch goes again, in one transaction too, but with a savepoint for each account, then for each event; what
still fails is parked as a dead letter and its neighbours pass. Of what is known already only the replicas' rows are written
again. The database's `next_offset` is the truth about progress;
Kafka's commits only follow it. A batch in which nothing is ours is passed without a transaction: that it was there is
recorded with the next one, or when the consumer says so, and where the process dies before, it comes again.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, groupby
from uuid import UUID

import msgspec
import psycopg
import structlog
from opentelemetry.trace import SpanKind

from common import telemetry
from common.contracts import Contract
from common.crash_points import crash_point
from common.database import ATTEMPTS, IN_THE_WAY, Database, Transaction, is_away
from common.eventsourcing.event import Meta
from common.ids import SYSTEM_ACCOUNT, stable_id
from common.messaging import dead_letters
from common.messaging.envelope import Heard, MalformedMessage, parse
from common.messaging.offsets import Progress, Range, Ranges, merged, ranges_of
from common.messaging.reactions import Reactions
from common.model import ServiceModel

log = structlog.get_logger()


class Message(msgspec.Struct, frozen=True, gc=False):
    """A Kafka record, reduced to what the inbox needs."""

    topic: str
    partition: int
    offset: int
    headers: Sequence[tuple[str, bytes]]
    value: bytes | None


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """A message that is ours to handle."""

    message: Message
    event: Heard[Contract]


@dataclass(frozen=True, slots=True)
class Broken:
    """A message of a known type that cannot be read."""

    message: Message
    account_id: UUID
    event_id: UUID
    subject: str
    type: str
    error: str


_TAKE = (
    "WITH new AS ("
    "INSERT INTO inbox (consumer, event_id) SELECT %(consumer)s, unnest(%(ids)s::text::uuid[])"
    " ON CONFLICT DO NOTHING RETURNING event_id"
    ") SELECT count(*), CASE WHEN count(*) < %(asked)s THEN array_agg(event_id) END FROM new"
)
"""The new ones by name only where some are known already: nearly always all are new."""


class Inbox:
    """What one consumer of a service knows and does with a batch."""

    def __init__(
        self,
        consumer: str,
        incarnation: str,
        database: Database,
        reactions: Reactions,
        *,
        advanced: Callable[[], None] = lambda: None,
    ) -> None:
        self.consumer = consumer
        self.incarnation = incarnation
        self._database = database
        self._reactions = reactions
        self._advanced = advanced
        self._passed: Ranges = {}
        """What was passed and is not recorded yet."""

    async def progress(self) -> Mapping[tuple[str, int], Progress]:
        """How far this consumer is, by topic and partition."""
        async with self._database.transaction(None) as tx:
            rows = await tx.all(
                "SELECT topic, partition, next_offset, last_time FROM consumer_offsets"
                " WHERE consumer = %(consumer)s AND incarnation = %(incarnation)s",
                {"consumer": self.consumer, "incarnation": self.incarnation},
            )
        return {(r["topic"], r["partition"]): Progress(r["next_offset"], r["last_time"]) for r in rows}

    async def begin(self) -> None:
        """Called once before consuming: a broker that began a new life has lost what was not heard in the last one."""
        async with self._database.transaction(None) as tx:
            await tx.execute(
                "SELECT begin_incarnation(%(consumer)s, %(incarnation)s, %(topics)s)",
                {
                    "consumer": self.consumer,
                    "incarnation": self.incarnation,
                    "topics": list(self._reactions.topics),
                },
            )

    async def take(self, messages: Sequence[Message]) -> None:
        """Handle a batch; when it returns, everything in it is recorded, parked, known already or nothing of ours.

        Raises when the database is away (`is_away`): nothing was taken, deliver it again. One call at a time, `settle`
        included.
        """
        arrived, broken = self._sort(messages)
        came = ranges_of(messages)
        if any(came[key].first > self._passed[key].next for key in came.keys() & self._passed.keys()):
            await self.settle()  # as one range the two would hide what lies between them
        ranges = merged(self._passed, came)
        if arrived or broken:
            await self._take(ranges, arrived, broken)
            ranges = {}
        self._passed = ranges
        self._advanced()

    async def settle(self) -> None:
        """Record what was passed. Raises when the database is away: it stays to be recorded."""
        if not self._passed:
            return
        async with self._database.transaction(None) as tx:
            await self._advance(tx, self._passed)
            crash_point("batch.before_commit")
        self._passed = {}
        crash_point("batch.after_commit")

    async def skip(self, positions: Mapping[tuple[str, int], int]) -> None:
        """Go on at these offsets, by topic and partition: the broker has forgotten what lay before, its source is asked."""
        async with self._database.transaction(None) as tx:
            await self._advance(tx, {key: Range(at, at, None) for key, at in positions.items()})

    async def rewind(self, topic: str, partition: int, to: Progress) -> None:
        """Go on lower: the broker has lost the end of what it had, its source is asked for all after what is left."""
        place = {"consumer": self.consumer, "topic": topic, "partition": partition, "since": to.last_time}
        async with self._database.transaction(None) as tx:
            await tx.execute(
                "INSERT INTO catch_up_requests (consumer, source, since)"
                " VALUES (%(consumer)s, split_part(%(topic)s, '.', 2), coalesce(%(since)s::timestamptz, 'epoch'))"
                " ON CONFLICT (consumer, source) DO UPDATE SET since = least(catch_up_requests.since, excluded.since)",
                place,
            )
            await tx.execute(
                "UPDATE consumer_offsets SET next_offset = %(next)s, last_time = %(since)s"
                " WHERE consumer = %(consumer)s AND incarnation = %(incarnation)s"
                " AND topic = %(topic)s AND partition = %(partition)s",
                place | {"incarnation": self.incarnation, "next": to.next_offset},
            )

    async def _take(self, ranges: Ranges, arrived: Sequence[Arrived], broken: Sequence[Broken]) -> None:
        try:
            async with self._database.transaction(None, pipelined=True) as tx:
                await self._take_together(tx, ranges, arrived, broken)
                crash_point("batch.before_commit")
        except Exception as error:
            if is_away(error):
                raise
            log.warning("batch_split", consumer=self.consumer, size=len(arrived), error=repr(error))
            await self._take_apart(ranges, arrived, broken)
        crash_point("batch.after_commit")

    def _sort(self, messages: Sequence[Message]) -> tuple[list[Arrived], list[Broken]]:
        arrived: list[Arrived] = []
        broken: list[Broken] = []
        for message in messages:
            try:
                event = parse(message.headers, message.value)
            except MalformedMessage as error:
                broken.append(_broken(message, str(error)))
                continue
            if self._reactions.knows(event):
                arrived.append(Arrived(message, event))
        # Sorted by account: locks are always taken in one order; sort() is stable, so each stream keeps its order.
        arrived.sort(key=lambda item: item.event.account_id.bytes)
        return arrived, broken

    async def _take_together(
        self,
        tx: Transaction,
        ranges: Ranges,
        arrived: Sequence[Arrived],
        broken: Sequence[Broken],
    ) -> None:
        new, blocked, over = await self._new_and_blocked(tx, arrived)
        for account_id, group in groupby(arrived, key=lambda item: item.event.account_id):
            for item in group:
                if item.event.event_id not in new:
                    if item.event.event_id not in over and self._reactions.keeps(item.event):
                        tx.switch(account_id, item.event.meta)
                        await self._reactions.keep_again(item.event, tx)
                    continue
                new.discard(item.event.event_id)  # twice in one batch
                if (account_id, item.event.subject) in blocked:
                    tx.switch(account_id, Meta())
                    await self._park(tx, item, None)
                    continue
                await self._handle(tx, item.event)
        await self._park_broken(tx, broken)
        await self._advance(tx, ranges)

    async def _take_apart(self, ranges: Ranges, arrived: Sequence[Arrived], broken: Sequence[Broken]) -> None:
        attempts = count(1)

        async def apart(tx: Transaction) -> None:
            last = next(attempts) == ATTEMPTS
            for _, group in groupby(arrived, key=lambda item: item.event.account_id):
                items = list(group)
                if len(items) > 1:
                    try:
                        async with tx.part():
                            await self._take_together(tx, {}, items, ())
                        continue
                    except Exception as error:
                        if is_away(error):
                            raise
                for item in items:
                    await self._take_one(tx, item, last=last)
            await self._park_broken(tx, broken)
            await self._advance(tx, ranges)

        await self._database.run(None, apart)

    async def _take_one(self, tx: Transaction, item: Arrived, *, last: bool) -> None:
        """Raises what may pass by itself, until the `last` attempt."""
        try:
            async with tx.part():
                await self._take_together(tx, {}, [item], ())
        except Exception as error:
            if is_away(error) or (isinstance(error, IN_THE_WAY) and not last):
                raise
            new, _, _ = await self._new_and_blocked(tx, [item])
            known = item.event.event_id not in new
            log.error(
                "event_not_kept_again" if known else "event_parked",
                consumer=self.consumer,
                event_id=str(item.event.event_id),
                type=item.event.type,
                account_id=str(item.event.account_id),
                error=repr(error),
                exc_info=True,
            )
            if not known:  # else it would be handled once more with all that follows from it
                tx.switch(item.event.account_id, Meta())
                await self._park(tx, item, repr(error))

    async def _park(self, tx: Transaction, item: Arrived, error: str | None) -> None:
        await self._reactions.pass_by(item.event, tx)
        await dead_letters.park(tx, self.consumer, item.message, item.event, error=error)

    async def _handle(self, tx: Transaction, event: Heard[Contract]) -> None:
        tx.switch(event.account_id, event.meta)
        if not telemetry.tracing():
            await self._reactions.handle(event, tx)
            return
        attributes: dict[str, str | int] = {
            telemetry.MESSAGING_SYSTEM: "kafka",
            telemetry.MESSAGING_MESSAGE_ID: str(event.event_id),
            telemetry.EVENT_TYPE: type(event.data).__name__,
            telemetry.ACCOUNT: str(event.account_id),
        }
        name = f"{self.consumer} process {type(event.data).__name__}"
        with telemetry.span_from(event.traceparent, name, SpanKind.CONSUMER, attributes):
            tx.switch(event.account_id, _with_current_trace(event.meta))
            await self._reactions.handle(event, tx)

    async def _new_and_blocked(
        self, tx: Transaction, arrived: Sequence[Arrived]
    ) -> tuple[set[UUID], set[tuple[UUID, str]], set[UUID]]:
        """Take the ids that are new into the inbox; they, the streams whose later events have to wait, and what is over.

        The next statement must see what a consumer left that held the same ids until now; but in a pipeline there is one
        wait for all. What is said of an account that was erased is taken, and passed over.
        """
        if not arrived:
            return set(), set(), set()
        ids = {item.event.event_id for item in arrived}
        # As one text, sorted, so that no two consumers wait for each other: an array would be dumped id by id.
        text = ",".join(sorted(id.hex for id in ids))
        connection = await tx.reach()
        taken = await connection.execute(
            _TAKE, {"consumer": self.consumer, "ids": f"{{{text}}}", "asked": len(ids)}
        )
        waiting = await dead_letters.ask_for_blocked_subjects(tx, self.consumer)
        gone = await self._ask_for_erased(tx, arrived)
        row = await taken.fetchone()
        assert row is not None
        count, some = row
        new = ids if count == len(ids) else set(some or ())
        over: set[UUID] = set()
        if erased := {account_id for (account_id,) in await gone.fetchall()}:
            over = {item.event.event_id for item in arrived if _is_over(item.event, erased, tx.model)}
        return new - over, set(await waiting.fetchall()), over

    async def _ask_for_erased(
        self, tx: Transaction, arrived: Sequence[Arrived]
    ) -> psycopg.AsyncCursor[tuple[UUID]]:
        accounts = ",".join(sorted({item.event.account_id.hex for item in arrived}))
        connection = await tx.reach()
        return await connection.execute(
            "SELECT account_id FROM erased_among(%(accounts)s::text::uuid[])", {"accounts": f"{{{accounts}}}"}
        )

    async def _park_broken(self, tx: Transaction, broken: Iterable[Broken]) -> None:
        for item in broken:
            tx.switch(item.account_id, Meta())
            await dead_letters.park_unreadable(tx, self.consumer, item)

    async def _advance(self, tx: Transaction, ranges: Ranges) -> None:
        """Record the next offsets; a batch that starts above the recorded one asks the source for what is missing."""
        if not ranges:
            return
        keys = sorted(ranges)
        came = [ranges[key] for key in keys]
        await tx.execute(
            "SELECT advance_consumer(%(consumer)s, %(incarnation)s, %(topics)s, %(partitions)s,"
            " %(firsts)s, %(nexts)s, %(times)s::timestamptz[])",
            {
                "consumer": self.consumer,
                "incarnation": self.incarnation,
                "topics": [topic for topic, _ in keys],
                "partitions": [partition for _, partition in keys],
                "firsts": [each.first for each in came],
                "nexts": [each.next for each in came],
                "times": [each.time for each in came],
            },
        )


def _is_over(event: Heard[Contract], erased: Collection[UUID], model: ServiceModel) -> bool:
    """Whether an event is nobody's business any more: of what is still to be settled the gateway says nothing."""
    return event.account_id in erased and not (model.hears_of_erased and event.source != "gateway")


def _broken(message: Message, error: str) -> Broken:
    attributes = {name: raw.decode("utf-8", "replace") for name, raw in message.headers}

    def uuid(name: str, otherwise: UUID) -> UUID:
        try:
            return UUID(attributes.get(name, ""))
        except ValueError:
            return otherwise

    return Broken(
        message=message,
        account_id=uuid("ce_accountid", SYSTEM_ACCOUNT),
        event_id=uuid("ce_id", stable_id(message.topic, message.partition, message.offset)),
        subject=attributes.get("ce_subject", ""),
        type=attributes.get("ce_type", ""),
        error=error,
    )


def _with_current_trace(meta: Meta) -> Meta:
    return msgspec.structs.replace(meta, traceparent=telemetry.traceparent())
