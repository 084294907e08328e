"""The subscriber on a real broker: what could not be taken comes again."""

from collections.abc import Iterator, Sequence

import pytest
from aiokafka import AIOKafkaProducer
from common.messaging.consumer import Consumer
from common.messaging.inbox import Message
from common.supervision import Loop

from tests.parts.ports import eventually
from tests.support.messaging import Broker, embedded_broker

TOPIC = "igny8.publisher.events"


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with embedded_broker() as broker:
        yield broker


async def test_a_batch_that_was_not_taken_comes_again(broker: Broker) -> None:
    refused: list[bytes | None] = []
    taken: list[bytes | None] = []

    async def take(batch: Sequence[Message]) -> None:
        values = [message.value for message in batch]
        if len(refused) < 2:
            refused.extend(values[:1])
            raise ConnectionError("the database is away")
        taken.extend(values)

    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
    await producer.start()
    said = [b"one", b"two", b"three"]
    for value in said:
        await producer.send_and_wait(TOPIC, value, key=b"account")
    await producer.stop()
    consumer = Consumer(broker.bootstrap, "test", [TOPIC], embedded=True, take=take)
    loop = Loop("consumer", lambda loop: consumer.run(loop.beat))
    loop.start()
    try:
        await eventually(lambda: len(taken) >= len(said), what="all was taken")
        assert taken == said
        assert refused == [b"one", b"one"]
        await eventually(lambda: loop.healthy, what="it is well again")
    finally:
        await loop.stop()
