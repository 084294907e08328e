"""The steps on the kit: `python -m tests.support.steps.kit SERVICE_URL RELAY_URL KAFKA STEPS` is a service that does them.

A fact that a step is done is said on Kafka; hearing it defers the job of the next step; the job records the next fact and
its effect. Relay, consumer and job worker are those of every service, under its supervision.
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from common.contracts import Contract
from common.contracts.publisher import SiteConnected
from common.database import Database, Sql, Transaction
from common.eventsourcing.decider import Decider, StreamName
from common.eventsourcing.event import Event, EventTypes, Recorded
from common.jobs.job import Job
from common.jobs.worker import JobHandler, JobWorker, Work
from common.messaging.consumer import Consumer
from common.messaging.envelope import Heard
from common.messaging.inbox import Inbox
from common.messaging.reactions import Reactions
from common.messaging.relay import Relay
from common.messaging.topics import ensure_topics, incarnation_of
from common.model import Projection, ServiceModel
from common.supervision import Loop
from sqlalchemy.dialects.postgresql import UUID as PgUUID

GROUP = "igny8.steps"
JOB = Job("step", time_limit=30)


class StepDone(Event, frozen=True):
    step: int


@dataclass(frozen=True)
class DoStep:
    """Do the step with this number, once; 0 begins the chain."""

    step: int


def _decide(command: DoStep, next_step: int) -> Sequence[Event]:
    return [StepDone(command.step)] if command.step == next_step else []


CHAIN: Decider[int, DoStep] = Decider(
    "chain", 0, lambda _, event: event.step + 1, _decide, EventTypes((StepDone,))
)

effects = sa.Table(
    "step_effects",
    sa.MetaData(),
    sa.Column("account_id", PgUUID(as_uuid=True), nullable=False),
    sa.Column("chain_id", PgUUID(as_uuid=True), nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
)
_EFFECT = sa.insert(effects)


async def _apply(sql: Sql, recorded: Sequence[Recorded[StepDone]]) -> None:
    for fact in recorded:
        chain = StreamName.parse(fact.stream).id
        await sql.execute(
            _EFFECT, {"account_id": fact.account_id, "chain_id": chain, "step": fact.event.step}
        )


def _publish(fact: Recorded[Event]) -> Contract | None:
    assert isinstance(fact.event, StepDone)
    chain = StreamName.parse(fact.stream).id
    return SiteConnected(site_id=chain, integration_id=chain, platform=str(fact.event.step))


MODEL = ServiceModel("publisher", (CHAIN,), _publish, (Projection("steps", ("chain",), (effects,), _apply),))
"""It speaks as the publisher: contracts belong to a service."""


async def begin(database: Database, account_id: UUID, chain: UUID) -> None:
    """Record the first fact of a chain."""

    async def work(tx: Transaction) -> None:
        await tx.handle(CHAIN, chain, DoStep(0))

    await database.run(account_id, work)


def listener(steps: int) -> Reactions:
    reactions = Reactions()

    @reactions.on(SiteConnected)
    async def done(event: Heard[SiteConnected], tx: Transaction) -> None:
        step = int(event.data.platform) + 1
        if step < steps:
            await tx.defer(JOB, chain=event.data.site_id, step=step)

    return reactions


def handler(database: Database) -> JobHandler:
    async def run(work: Work) -> None:
        chain, step = UUID(work.arguments["chain"]), int(work.arguments["step"])

        async def do(tx: Transaction) -> None:
            await tx.handle(CHAIN, chain, DoStep(step))

        await database.run(work.account_id, do, work.meta)

    return JobHandler(JOB, run)


async def serve(service_url: str, relay_url: str, kafka: str, steps: int) -> None:
    """Run until cancelled."""
    database = Database(service_url, MODEL)
    await database.open()
    reactions = listener(steps)
    relay = Relay(relay_url, MODEL, kafka)
    database.committed.append(relay.wake)

    async def say(loop: Loop) -> None:
        await ensure_topics(kafka, embedded=False)
        relay.beat = loop.beat
        await relay.run()

    async def hear(loop: Loop) -> None:
        await ensure_topics(kafka, embedded=False)
        inbox = Inbox(GROUP, await incarnation_of(kafka, ""), database, reactions)
        await inbox.begin()
        consumer = Consumer(kafka, GROUP, reactions.topics, embedded=False, take=inbox.take, inbox=inbox)
        await consumer.run(loop.beat)

    async def work(loop: Loop) -> None:
        await JobWorker(service_url, (handler(database),)).run(loop.beat)

    loops = [Loop("relay", say), Loop("consumer", hear), Loop("jobs", work)]
    for loop in loops:
        loop.start()
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.gather(*(loop.stop() for loop in loops))
        await database.close()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
