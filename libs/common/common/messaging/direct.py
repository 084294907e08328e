"""Messages that are no facts: requests between the services' machinery, and transient progress."""

import contextlib
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from common.contracts import Contract, spec_of
from common.ids import SYSTEM_ACCOUNT, new_id


class DirectProducer:
    """Sends without an outbox. `send` raises KafkaError; `offer` loses the message where Kafka is away."""

    def __init__(self, kafka: str, service: str) -> None:
        self._kafka = kafka
        self._service = service
        self._producer: AIOKafkaProducer | None = None

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
        producer = await self._ready()
        try:
            await producer.send_and_wait(
                topic, msgspec.json.encode(contract), key=str(account_id).encode(), headers=headers
            )
        except KafkaError:
            await self.close()
            raise

    async def offer(self, contract: Contract, account_id: UUID) -> None:
        with contextlib.suppress(KafkaError, OSError):
            await self.send(contract, account_id)

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(Exception):
                await producer.stop()

    async def _ready(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._kafka, client_id=f"igny8-{self._service}", request_timeout_ms=5_000
            )
            await producer.start()
            self._producer = producer
        return self._producer
