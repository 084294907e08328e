"""Each loop of a service, and each task that it lives by, dies in every way there is: `/readyz` says so, it comes back by
itself, and its work goes on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IllegalGenerationError
from common.ids import new_id
from common.messaging import consumer, relay
from common.messaging.watch import consumer_tasks, producer_tasks
from common.supervision import Loop

from tests.integration.supervision.held_loop import HeldLoop
from tests.integration.supervision.toy_service import ToyService, toy_service
from tests.support.database import ServiceUrls
from tests.support.messaging import Broker, real_broker

pytestmark = pytest.mark.kafka

WORK: dict[str, Callable[[ToyService], Awaitable[None]]] = {
    "database": ToyService.hears,
    "relay": ToyService.hears,
    "consumer": ToyService.hears,
    "control": ToyService.catches_up,
    "dead_letters": ToyService.heals_letters,
    "catch_up_asks": ToyService.catches_up,
    "catch_up_source": ToyService.catches_up,
    "jobs": ToyService.does_jobs,
    "start": ToyService.has_started,
}
"""The loops, and what nobody would do without them."""


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with real_broker() as broker:
        yield broker


@pytest.fixture(scope="module")
async def service(
    short_times: None,
    broker: Broker,
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[ToyService]:
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr("common.service.Loop", FaultyLoop)
        urls = stack.enter_context(service_database("publisher"))
        async with toy_service(urls, broker, tmp_path_factory.mktemp("toy")) as service:
            yield service


class Fault(Exception):
    """What no code of ours expects."""


class FaultyLoop(HeldLoop):
    """A loop to which something happens when a test says so."""

    def __init__(self, name: str, run: Callable[[Loop], Awaitable[None]]) -> None:
        super().__init__(name, self._until_it_happens)
        self._faultless = run
        self._raises = False
        self._hangs = asyncio.Event()

    def beat(self, error: str = "") -> None:
        if self._raises:
            self._raises = False
            raise Fault("from inside")
        super().beat(error)

    def befall(self, fault: str) -> None:
        """`raises` at its next heartbeat; `hangs` at once."""
        if fault == "raises":
            self._raises = True
        else:
            self._hangs.set()

    async def _until_it_happens(self, loop: Loop) -> None:
        self._hangs.clear()
        body, end = asyncio.ensure_future(self._faultless(loop)), asyncio.ensure_future(self._hangs.wait())
        try:
            await asyncio.wait({body, end}, return_when=asyncio.FIRST_COMPLETED)
            if body.done():
                body.result()
                return
        finally:
            body.cancel()
            end.cancel()
            await asyncio.gather(body, end, return_exceptions=True)
        await asyncio.Event().wait()


def faulty(service: ToyService, name: str) -> FaultyLoop:
    loop = service.loop(name)
    assert isinstance(loop, FaultyLoop)
    return loop


def test_no_loop_is_forgotten_here(service: ToyService) -> None:
    assert sorted(WORK) == sorted(loop.name for loop in service.process.loops)


@pytest.mark.parametrize(
    ("fault", "named"),
    [("raises", "Fault: from inside"), ("hangs", "no sign of life")],
)
async def test_each_is_named_and_comes_back(service: ToyService, fault: str, named: str) -> None:
    """All at once, as they do not depend on each other."""
    lives = {name: service.loop(name).restarts for name in WORK}
    async with AsyncExitStack() as seen:
        for name in WORK:
            await seen.enter_async_context(service.red(name, named))
            faulty(service, name).befall(fault)
    await service.green()
    assert all(service.loop(name).restarts > lives[name] for name in WORK)
    for work in dict.fromkeys(WORK.values()):
        await work(service)


def client(service: ToyService) -> AIOKafkaConsumer:
    consumer = service.process.consumer
    assert consumer is not None
    assert consumer._client is not None
    return consumer._client


@pytest.mark.parametrize("part", ["coordinator", "heartbeat", "fetcher", "metadata", "subscriber"])
async def test_a_consumer_whose_part_ends_is_replaced(service: ToyService, part: str) -> None:
    tasks = consumer_tasks(client(service))
    (polls,) = [task for task in asyncio.all_tasks() if is_poll_of(service, task)]
    async with service.red("consumer", f"the {'subscriber' if part == 'subscriber' else 'consumer'}'s"):
        tasks.get(part, polls).cancel()
    await service.green()
    await service.hears()


def is_poll_of(service: ToyService, task: "asyncio.Task[Any]") -> bool:
    frame = getattr(task.get_coro(), "cr_frame", None)
    subscriber = frame.f_locals.get("self") if frame else None
    return getattr(subscriber, "consumer", None) is client(service) and "_consume" in repr(task)


async def test_a_consumer_whose_fetches_hang_is_replaced(
    service: ToyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a connection falls silent, or a fetch was lost inside the client."""
    fetcher = client(service)._fetcher

    async def hang(*_: Any) -> Any:
        await asyncio.Event().wait()

    async with service.red("consumer", "while Kafka answers others"):
        monkeypatch.setattr(fetcher, "_proc_fetch_request", hang)
    await service.green()
    await service.hears()


async def test_a_consumer_that_its_group_has_forgotten_is_replaced(
    service: ToyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It still fetches, so nothing is late here; but somebody else has its partitions too, and no offset is taken."""
    monkeypatch.setattr(consumer, "REFUSED_SECONDS", 0.5)
    await service.hears()
    used = client(service)

    async def refuse(*_: Any) -> None:
        raise IllegalGenerationError

    async with service.red("consumer", "no offset is taken"):
        monkeypatch.setattr(used, "commit", refuse)
    await service.green()
    await service.hears()


@pytest.mark.parametrize("part", ["sender", "metadata"])
async def test_a_producer_whose_part_ends_is_replaced(service: ToyService, part: str) -> None:
    await service.hears()
    used = service.process.relay._producer._producer
    assert used is not None
    producer_tasks(used)[part].cancel()
    await service.hears()
    assert service.process.relay._producer._producer is not used


async def test_a_producer_that_breaks_while_it_sends_is_replaced(
    service: ToyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its acknowledgements never come; nothing in the client ends that wait."""
    await service.hears()
    used = service.process.relay._producer._producer
    assert used is not None

    async def end(*_: Any) -> Any:
        producer_tasks(used)["sender"].cancel()
        await asyncio.Event().wait()

    monkeypatch.setattr(used._sender, "_send_produce_req", end)
    await service.hears()
    assert service.process.relay._producer._producer is not used


async def test_a_producer_that_hangs_is_named_and_replaced(
    service: ToyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "SEND_DEADLINE_SECONDS", 2.0)
    await service.hears()
    used = service.process.relay._producer._producer
    assert used is not None

    async def hang(*_: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(used._sender, "_send_produce_req", hang)
    async with service.red("relay", "not sent: TimeoutError"):
        await service.say(new_id())
    await service.hears()
    await service.green()


@pytest.mark.parametrize("part", ["scheduler", "worker"])
async def test_a_pool_whose_part_ends_is_replaced(service: ToyService, part: str) -> None:
    pool = service.process.runtime.database.pool
    task = pool._sched_runner if part == "scheduler" else pool._workers[0]
    assert task is not None
    async with service.red("database", "connection pool"):
        task.cancel()
    await service.green()
    assert service.process.runtime.database.pool is not pool
    await service.hears()
