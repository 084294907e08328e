"""Messages that are no facts: requests between the services' machinery, and transient progress."""

import asyncio
import contextlib
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from aiokafka.errors import KafkaError

from common.contracts import Contract, spec_of
from common.ids import SYSTEM_ACCOUNT, new_id
from common.messaging.watch import KeptProducer

SEND_DEADLINE_SECONDS = 6.0
"""As in the relay, aiokafka has none of its own. Somebody's job waits for it."""


class DirectProducer:
    """Sends without an outbox. `send` raises KafkaError or OSError; `offer` loses the message where Kafka is away."""

    def __init__(self, kafka: str, service: str) -> None:
        self._service = service
        self._producer = KeptProducer(kafka, f"igny8-{service}", request_timeout_ms=5_000)

    async def send(self, contract: Contract, account_id: UUID = SYSTEM_ACCOUNT) -> None:
        spec = spec_of(type(contract))
        (topic,) = spec.topics()
        event_id = new_id()
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", str(event_id).encode()),
            ("ce_source", f"igny8/{self._service}".encode()),
            ("ce_type", spec.type_from(self._service).encode()),
            ("ce_subject", f"{topic}-{event_id}".encode()),
            ("ce_time", datetime.now(UTC).isoformat().encode()),
            ("ce_accountid", str(account_id).encode()),
            ("ce_streamversion", b"0"),
            ("content-type", b"application/json"),
        ]
        try:
            async with asyncio.timeout(SEND_DEADLINE_SECONDS):
                producer = await self._producer.get()
                value, key = msgspec.json.encode(contract), str(account_id).encode()
                acknowledgement = await producer.send(topic, value, key=key, headers=headers)
                await self._producer.sent(acknowledgement)
        except (KafkaError, OSError):
            await self._producer.drop()
            raise

    async def offer(self, contract: Contract, account_id: UUID) -> None:
        with contextlib.suppress(KafkaError, OSError):
            await self.send(contract, account_id)

    async def close(self) -> None:
        await self._producer.drop()
