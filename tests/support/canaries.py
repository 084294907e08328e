"""Looking for words that were planted: in all rows of a database, in all that a broker remembers."""

from collections.abc import Mapping, Sequence

import psycopg
from aiokafka import AIOKafkaConsumer
from common.messaging.topics import ALL_TOPICS, partitions_of
from psycopg import sql

from tests.parts.ports import eventually


def dump(url: str) -> bytes:
    """All rows of all tables as text, whoever's they are."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        text = b""
        for (table,) in tables:
            with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as copy:
                text += b"".join(bytes(block) for block in copy)
    assert len(text) > 1_000 or "secrets" in url
    return text


async def said(kafka: str, topics: Sequence[str] = ALL_TOPICS) -> bytes:
    """All that the broker remembers of these topics: keys, headers and values."""
    partitions = await eventually(lambda: partitions_of(kafka, topics), what="Kafka knows the topics")
    text: list[bytes] = []
    async with AIOKafkaConsumer(bootstrap_servers=kafka) as consumer:
        ends = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        while any([await consumer.position(each) < ends[each] for each in partitions]):
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                for message in batch:
                    headers = [part for name, value in message.headers for part in (name.encode(), value)]
                    text += [message.key or b"", *headers, message.value or b""]
    return b"\n".join(text)


def where(canaries: Mapping[str, str], found: Mapping[str, bytes]) -> dict[str, set[str]]:
    """The places of each canary; what was found is in lower case."""
    return {
        what: {name for name, content in found.items() if word.lower().encode() in content}
        for what, word in canaries.items()
    }
