"""The topics exist before anybody says or hears anything, and which life of the broker this is."""

from collections.abc import Sequence

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import TopicAlreadyExistsError, for_code

from common.contracts.base import CONTROL_TOPIC, PROGRESS_TOPIC, SERVICES, events_topic

PARTITIONS = 6
"""Tenants spread over these; a service can have as many replicas."""

COPIES = 3
"""What Kafka's own documentation calls durable; fewer only where there are fewer brokers."""

RETENTION_MS = 7 * 24 * 3_600_000
"""How long a topic keeps a message: what an erased account had said is in it as long (docs/decisions/0009). Who was away for
longer is told again by the source."""
SEGMENT_MS = 24 * 3_600_000
"""Kafka forgets by whole files, counted from a file's newest message, and begins one a week: a message could stay for two."""

ALL_TOPICS = (*(events_topic(service) for service in SERVICES), CONTROL_TOPIC, PROGRESS_TOPIC)


async def ensure_topics(kafka: str, *, embedded: bool) -> None:
    """Create what is missing; what is there keeps the settings it has.

    The embedded broker makes topics on first use (and refuses to be asked for one).
    """
    if embedded:
        return
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka, request_timeout_ms=10_000)
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        missing = [topic for topic in ALL_TOPICS if topic not in existing]
        if missing:
            copies = min(COPIES, len((await admin.describe_cluster())["brokers"]))
            answer = await admin.create_topics(
                [
                    NewTopic(
                        topic,
                        num_partitions=PARTITIONS,
                        replication_factor=copies,
                        topic_configs={"retention.ms": str(RETENTION_MS), "segment.ms": str(SEGMENT_MS)},
                    )
                    for topic in missing
                ]
            )
            for topic, code, *_ in answer.topic_errors:  # type: ignore[attr-defined]  # untyped upstream
                error = for_code(code)
                if code and error is not TopicAlreadyExistsError:
                    raise error(f"topic {topic} could not be created")
    finally:
        await admin.close()


async def incarnation_of(kafka: str, given: str) -> str:
    """The id `igny8 up` gave the embedded broker's life, else the cluster's id: offsets count only within one."""
    if given:
        return given
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        return str((await admin.describe_cluster())["cluster_id"])
    finally:
        await admin.close()


async def partitions_of(kafka: str, topics: Sequence[str]) -> list[TopicPartition]:
    """Every partition of these topics; the embedded broker makes a topic that is asked for."""
    client = AIOKafkaClient(bootstrap_servers=kafka)
    await client.bootstrap()
    try:
        await client.set_topics(topics)
        return [
            TopicPartition(topic, partition)
            for topic in topics
            for partition in sorted(client.cluster.partitions_for_topic(topic) or ())
        ]
    finally:
        await client.close()
