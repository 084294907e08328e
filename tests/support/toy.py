"""A toy aggregate that says public facts, and a listener that counts them: the smallest service there can be."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from common.contracts import Contract
from common.contracts.publisher import SiteConnected
from common.database import Sql, Transaction
from common.eventsourcing.decider import Decider, StreamName
from common.eventsourcing.event import Event, EventTypes, Recorded
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions
from common.model import Projection, ServiceModel
from sqlalchemy.dialects.postgresql import UUID as PgUUID
from sqlalchemy.dialects.postgresql import insert


class Counted(Event, frozen=True):
    number: int
    padding: str = ""


@dataclass(frozen=True)
class Count:
    """Count up by `times`."""

    times: int = 1
    padding: str = ""


def _evolve(total: int, event: Counted) -> int:
    return event.number


def _decide(command: Count, total: int) -> Sequence[Event]:
    return [Counted(total + n, command.padding) for n in range(1, command.times + 1)]


COUNTER: Decider[int, Count] = Decider("counter", 0, _evolve, _decide, EventTypes((Counted,)))

metadata = sa.MetaData()
counters = sa.Table(
    "toy_counters",
    metadata,
    sa.Column("account_id", PgUUID(as_uuid=True), nullable=False),
    sa.Column("counter_id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
)
heard = sa.Table(
    "toy_heard",
    metadata,
    sa.Column("account_id", PgUUID(as_uuid=True), nullable=False),
    sa.Column("position", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("event_id", PgUUID(as_uuid=True), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)

SCHEMA = """
CREATE TABLE IF NOT EXISTS toy_counters (account_id uuid NOT NULL, counter_id uuid PRIMARY KEY, number integer NOT NULL,
    counted_at timestamptz NOT NULL);
CREATE TABLE toy_heard (account_id uuid NOT NULL, position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL, subject text NOT NULL, version integer NOT NULL);
CALL guard_tenant('toy_counters');
CALL guard_tenant('toy_heard');
GRANT ALL ON toy_counters, toy_heard TO PUBLIC;
"""


async def _apply(sql: Sql, recorded: Sequence[Recorded[Counted]]) -> None:
    last = recorded[-1]
    statement = insert(counters).values(
        account_id=last.account_id,
        counter_id=StreamName.parse(last.stream).id,
        number=last.event.number,
        counted_at=last.recorded_at,
    )
    await sql.execute(
        statement.on_conflict_do_update(
            index_elements=["counter_id"],
            set_={"number": statement.excluded.number, "counted_at": statement.excluded.counted_at},
            where=counters.c.number < statement.excluded.number,
        )
    )


PROJECTION = Projection("toy", ("counter",), (counters,), _apply)


def _publish(fact: Recorded[Event]) -> Contract | None:
    """Odd numbers are nobody's business."""
    if not isinstance(fact.event, Counted) or fact.event.number % 2:
        return None
    id = StreamName.parse(fact.stream).id
    return SiteConnected(site_id=id, integration_id=id, platform=f"{fact.event.number}{fact.event.padding}")


MODEL = ServiceModel("publisher", (COUNTER,), _publish, (PROJECTION,))
"""The toy speaks as the publisher: contracts belong to a service."""


def listener() -> Reactions:
    """Writes down what it hears; hearing an id twice would show as a second row."""
    reactions = Reactions()

    @reactions.on(SiteConnected)
    async def hear(event: Heard[SiteConnected], tx: Transaction) -> None:
        await tx.execute(
            sa.insert(heard).values(
                account_id=event.account_id,
                event_id=event.event_id,
                subject=event.subject,
                version=event.version,
            )
        )

    return reactions


async def count(tx: Transaction, counter: UUID, command: Count) -> int:
    return (await tx.handle(COUNTER, counter, command)).state
