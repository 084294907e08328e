"""What every gateway hears by itself, for it concerns the streams that are open in it: steps of what runs, and news.

A recorded event is taken by one gateway of the group, which tells the others through PostgreSQL when it has committed.
A step of what runs is in no database: each gateway reads all of them from Kafka.
"""

from collections.abc import Sequence
from uuid import UUID

import psycopg
import structlog
from common.api.runtime import RuntimeOf
from common.contracts.base import PROGRESS_TOPIC
from common.contracts.control import ProgressReported
from common.database import connection_options
from common.messaging.consumer import Consumer, group_of
from common.messaging.envelope import MalformedMessage, parse
from common.messaging.inbox import Message
from common.messaging.topics import ensure_topics
from common.supervision import Loop

from gateway.activity.live import CHANNEL, LiveUpdates

log = structlog.get_logger()

TURN_SECONDS = 2.0
"""Between two signs of life."""
GROUP = f"{group_of('gateway')}.progress"
"""Nobody's partitions are decided by it: it keeps how far any gateway has read, where the next one begins."""


async def hear_news(database_url: str, live: LiveUpdates, loop: Loop) -> None:
    """Wake the streams of accounts that have news; raises psycopg's errors when the database is away."""
    options = connection_options("igny8-live")
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True, **options) as connection:
        await connection.execute(f"LISTEN {CHANNEL}")
        live.wake_all()  # nobody listened until now
        while True:
            loop.beat()
            async for news in connection.notifies(timeout=TURN_SECONDS):
                live.wake(UUID(news.payload))


async def hear_steps(runtime: RuntimeOf, live: LiveUpdates, loop: Loop) -> None:
    """Report the steps of what runs; raises what ended it."""

    async def take(messages: Sequence[Message]) -> None:
        for message in messages:
            try:
                event = parse(message.headers, message.value)
            except MalformedMessage as error:
                log.error("progress_unreadable", error=str(error), offset=message.offset)
                continue
            if isinstance(event.data, ProgressReported):
                live.report(event.account_id, event.data)

    kafka, embedded = runtime.settings.kafka, bool(runtime.settings.kafka_incarnation)
    await ensure_topics(kafka, embedded=embedded)
    consumer = Consumer(kafka, GROUP, [PROGRESS_TOPIC], embedded=embedded, take=take, whole=True)
    await consumer.run(loop.beat)
