"""From an HTTP request to a service to its effect committed in another, one at a time, against the sum of the bare parts."""

import asyncio
import json
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from time import monotonic
from uuid import UUID

import aiohttp
import psycopg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from common.auth.identity import HEADER, LIFETIME_SECONDS, Identity, IdentitySigner
from common.database import Database
from common.ids import new_id
from common.messaging.consumer import EMBEDDED_WAIT_MS, FETCH_WAIT_MS, Consumer
from common.messaging.inbox import Inbox
from common.supervision import comes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import KeySet, OKPKey

from benchmarks.consume import effect
from benchmarks.pairs import Figure, noise_of, on_the_services_loop, percentile
from benchmarks.parts import ACCOUNTS, MODEL, ROOT, Parts
from benchmarks.speaker import BARE_PATH, PATH
from tests.parts.ports import answers, eventually, free_port
from tests.parts.process import Process
from tests.support.database import ServiceUrls
from tests.support.messaging import Broker

TIMES = 100
"""Of each kind in a round: the fewest whose 99th percentile is not the slowest."""
WARM = 20
BODY = b'{"times": 2}'
IDENTITY = Identity(account_id=ACCOUNTS[0], user_id=UUID(int=1), role="owner", request_id="bench-mark")
INSERT = (
    "INSERT INTO bare_events (account_id, stream, version, event_id, type, data, meta)"
    " VALUES (%s, %s, 1, %s, 'Counted', '{\"number\": 2}', '{}')"
)

Take = Callable[[], Awaitable[float]]
"""Does something once; returns the seconds it took."""


@on_the_services_loop
async def embedded(parts: Parts, pairs: int) -> list[Figure]:
    with parts.embedded() as broker:
        return await _on(parts, broker, "embedded", pairs)


@on_the_services_loop
async def kafka(parts: Parts, pairs: int) -> list[Figure]:
    return await _on(parts, parts.kafka, "Kafka", pairs)


async def _on(parts: Parts, broker: Broker, name: str, pairs: int) -> list[Figure]:
    middles, ends, sums = [], [], []
    notes: list[str] = []
    async with _measured(parts, broker) as (whole, bare):
        await _round(whole, bare, WARM)
        for _ in range(pairs):
            taken, parts_taken = await _round(whole, bare, TIMES)
            middles.append(1_000 * percentile(taken, 0.5))
            ends.append(1_000 * percentile(taken, 0.99))
            medians = {part: 1_000 * percentile(each, 0.5) for part, each in parts_taken.items()}
            sums.append(sum(medians.values()))
            notes.append(" + ".join(f"{part} {each:.1f}" for part, each in medians.items()))
    ratios = [middle / bare_sum for middle, bare_sum in zip(middles, sums, strict=True)]
    return [
        Figure(
            f"HTTP commit → effect, {name}",
            median(ratios),
            min(ratios),
            max(ratios),
            "×",
            at_most=1.8,
            noise=noise_of(sums),
            note=f"bare, ms: {notes[-1]}",
        ),
        Figure(
            f"HTTP commit → effect p50, {name}", median(middles), min(middles), max(middles), "ms", at_most=10
        ),
        Figure(f"HTTP commit → effect p99, {name}", median(ends), min(ends), max(ends), "ms", at_most=50),
    ]


async def _round(
    whole: Take, bare: Mapping[str, Take], times: int
) -> tuple[list[float], dict[str, list[float]]]:
    taken: list[float] = []
    parts: dict[str, list[float]] = {name: [] for name in bare}
    for _ in range(times):
        taken.append(await whole())
        for name, take in bare.items():
            parts[name].append(await take())
    return taken, parts


@asynccontextmanager
async def _measured(parts: Parts, broker: Broker) -> AsyncIterator[tuple[Take, Mapping[str, Take]]]:
    """The whole way, and the bare parts of which it is made."""
    async with AsyncExitStack() as stack:
        speaking = stack.enter_context(parts.database())
        listening = stack.enter_context(parts.database("planner"))
        speaker = await stack.enter_async_context(served("benchmarks.speaker", IDENTITY, speaking, broker))
        arrived = await stack.enter_async_context(_listener(listening, broker))
        send_and_receive = await stack.enter_async_context(_topic(broker))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        connection = await stack.enter_async_context(
            await psycopg.AsyncConnection.connect(speaking.service, autocommit=True, prepare_threshold=0)
        )

        async def ask(path: str) -> None:
            async with session.post(f"{speaker.url}{path}", data=BODY, headers=speaker.headers()) as answer:
                await answer.read()
                answer.raise_for_status()

        async def whole() -> float:
            await _out_of_step()
            arrived.clear()
            began = monotonic()
            await ask(PATH)
            assert await comes(arrived, 30)
            return monotonic() - began

        async def http() -> float:
            began = monotonic()
            await ask(BARE_PATH)
            return monotonic() - began

        async def commit() -> float:
            began = monotonic()
            await connection.execute(INSERT, (ACCOUNTS[0], f"counter-{new_id()}", new_id()))
            return monotonic() - began

        async def hop() -> float:
            await _out_of_step()
            began = monotonic()
            await send_and_receive()
            return monotonic() - began

        yield whole, {"HTTP": http, "commit": commit, "produce and consume": hop, "commit again": commit}


async def _out_of_step() -> None:
    """A broker that is polled adds between nothing and a whole turn: each part of it shall have its share."""
    await asyncio.sleep(random.uniform(0, 2 * EMBEDDED_WAIT_MS / 1000))


class Served:
    """A service in a process of its own, and what the gateway would send along with a request of `identity`."""

    def __init__(self, url: str, signer: IdentitySigner, identity: Identity) -> None:
        self.url = url
        self._signer = signer
        self._identity = identity
        self._headers: dict[str, str] = {}
        self._signed = -monotonic()

    def headers(self) -> Mapping[str, str]:
        if not self._headers or monotonic() > self._signed + LIFETIME_SECONDS / 2:
            self._headers = {HEADER: self._signer.sign(self._identity)}
            self._signed = monotonic()
        return self._headers


@asynccontextmanager
async def served(module: str, identity: Identity, urls: ServiceUrls, broker: Broker) -> AsyncIterator[Served]:
    """The service that `python -m module` is."""
    private = Ed25519PrivateKey.generate()
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        jwks = Path(directory) / "jwks.json"
        jwks.write_text(json.dumps(KeySet([OKPKey.import_key(private)]).as_dict(private=False)))
        environment = {
            "IGNY8_SERVICE_DATABASE": urls.service,
            "IGNY8_RELAY_DATABASE": urls.relay,
            "IGNY8_KAFKA": broker.bootstrap,
            "IGNY8_KAFKA_INCARNATION": broker.incarnation,
            "IGNY8_OBJECTS": directory,
            "IGNY8_JWKS": str(jwks),
            "IGNY8_LISTEN": f"127.0.0.1:{port}",
            "IGNY8_LOG_LEVEL": "WARNING",
        }
        command = [sys.executable, "-m", module]
        process = Process(command, Path(directory) / "log", cwd=ROOT, environment=environment)
        try:
            await asyncio.to_thread(process.wait_until, lambda: answers(port), 30)
            service = Served(f"http://127.0.0.1:{port}", IdentitySigner(private), identity)
            async with aiohttp.ClientSession() as session:

                async def ready() -> bool:
                    async with session.get(f"{service.url}/readyz") as answer:
                        return answer.status == 200

                await eventually(ready, 30, what="the service is ready")
            yield service
        finally:
            process.kill()


@asynccontextmanager
async def _listener(urls: ServiceUrls, broker: Broker) -> AsyncIterator[asyncio.Event]:
    """The other service; the event comes when what it heard is committed."""
    database = Database(urls.service, MODEL)
    await database.open()
    group = f"bench.{new_id()}"
    arrived = asyncio.Event()
    reactions = effect()
    inbox = Inbox(group, group, database, reactions, advanced=arrived.set)
    await inbox.skip(await _ends(broker, reactions.topics))  # what others said on Kafka before
    consumer = Consumer(
        broker.bootstrap, group, reactions.topics, embedded=broker.embedded, take=inbox.take, inbox=inbox
    )
    running = asyncio.create_task(consumer.run(lambda error="": None))
    try:
        await eventually(lambda: consumer.assigned, 30, what="the listener has its partitions")
        yield arrived
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await database.close()


async def _ends(broker: Broker, topics: Sequence[str]) -> dict[tuple[str, int], int]:
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=broker.bootstrap)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        return {(partition.topic, partition.partition): end for partition, end in ends.items()}
    finally:
        await consumer.stop()


@asynccontextmanager
async def _topic(broker: Broker) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """A topic without anything around it: sends a message to a consumer that waits, returns when it has come."""
    topic = f"bench.{new_id()}"
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all", enable_idempotence=True)
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=broker.bootstrap,
        fetch_max_wait_ms=EMBEDDED_WAIT_MS if broker.embedded else FETCH_WAIT_MS,
        auto_offset_reset="earliest",
    )
    came: dict[bytes, asyncio.Event] = {}

    async def receive() -> None:
        async for record in consumer:
            if record.value in came:  # the embedded broker takes a repeated one twice
                came.pop(record.value).set()

    async def send_and_receive() -> None:
        sent = new_id().bytes
        event = came[sent] = asyncio.Event()
        await producer.send(topic, sent)
        assert await comes(event, 30)

    await producer.start()
    await producer.send_and_wait(topic, b"")  # makes it
    await consumer.start()
    receiving = asyncio.create_task(receive())
    try:
        await send_and_receive()
        yield send_and_receive
    finally:
        receiving.cancel()
        await asyncio.gather(receiving, return_exceptions=True)
        await consumer.stop()
        await producer.stop()
