"""A partition's log that was cut: by an unclean leader election, or because the broker came back with an older disk.

Where a log has lost its end, and maybe grown again, an offset no longer says which messages were taken (KIP-320). A consumer
therefore begins with the last message it took, and compares. Kafka sends who is beyond a log's end to its beginning.
"""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from common.messaging.offsets import Progress, time_of
from common.messaging.watch import part_with_consumer

SECONDS = 10.0


class Places:
    """Where a consumer begins in each partition, and whether what comes goes on from there."""

    def __init__(self) -> None:
        self._begun: dict[TopicPartition, Progress] = {}
        """Of partitions whose last message is to come once more."""

    def begin(self, partition: TopicPartition, at: Progress) -> int:
        """The offset to begin at: that of the last message, where its time is known."""
        self._begun.pop(partition, None)
        if at.last_time is None or at.next_offset == 0:
            return at.next_offset
        self._begun[partition] = at
        return at.next_offset - 1

    def lowest(self, partition: TopicPartition, next_offset: int) -> int:
        """The lowest offset that may come next."""
        return next_offset - 1 if partition in self._begun else next_offset

    def goes_on(self, partition: TopicPartition, next_offset: int, first: Any) -> bool:
        """Whether the first record of a batch follows what was taken up to `next_offset`, or is the last of that."""
        if first.offset >= next_offset:
            return True
        begun = self._begun.get(partition)
        if begun is None or first.offset != begun.next_offset - 1:
            return False
        return time_of(first.headers) in (None, begun.last_time)

    def gone_on(self, partition: TopicPartition) -> None:
        """What comes from now on is new."""
        self._begun.pop(partition, None)


async def last_left(kafka: str, partition: TopicPartition, taken: Progress) -> Progress:
    """Behind the last message in the log that is no newer than what was taken, or not much before it.

    Looks back from the end in growing steps; where nothing is left of that time, it is the log's beginning.
    """
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    try:
        async with asyncio.timeout(SECONDS):
            await consumer.start()
            consumer.assign([partition])
            first = (await consumer.beginning_offsets([partition]))[partition]
            end = (await consumer.end_offsets([partition]))[partition]
            step = 1
            while taken.last_time is not None and first < end:
                offset = max(first, end - step)
                consumer.seek(partition, offset)
                record = await consumer.getone()
                time = time_of(record.headers)
                if time is not None and time <= taken.last_time:
                    return Progress(record.offset + 1, time)
                if offset == first:
                    break
                step *= 2
            return Progress(first, taken.last_time)
    finally:
        await part_with_consumer(consumer)
