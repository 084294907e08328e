"""Live updates of two gateways with one database and one Kafka: by stream and WebSocket, whoever of them heard the event."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp
import pytest
import uvicorn
from common.contracts import Contract
from common.contracts.control import ProgressReported
from common.contracts.operations import AIOperationRequested
from common.contracts.planner import PipelineRunPaused
from common.database import Transaction
from common.ids import new_id
from common.messaging.consumer import Consumer, group_of
from common.messaging.direct import DirectProducer
from common.messaging.inbox import Inbox
from common.service import LARGEST_MESSAGE
from common.supervision import Loop
from gateway.activity import live as live_module
from gateway.activity.everywhere import hear_steps
from gateway.activity.reactions import reactions

from tests.integration.gateway.running import Gateway, Tenant, heard, make_gateway, new_master_key
from tests.parts.ports import DEADLINE, eventually, free_port
from tests.support.database import ServiceUrls
from tests.support.messaging import Broker, embedded_broker


@dataclass(frozen=True)
class Served:
    """A gateway that answers at `url`."""

    gateway: Gateway
    url: str

    async def take(self, account_id: UUID, *contracts: Contract) -> None:
        """This one hears it."""
        said = reactions(self.gateway.runtime.extras["gateway"].live)
        for event in heard(account_id, *contracts):

            async def work(tx: Transaction, event: Any = event) -> None:
                await said.handle(event, tx)

            await self.gateway.runtime.database.run(account_id, work)


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with embedded_broker() as broker:
        yield broker


@pytest.fixture(scope="module")
async def replicas(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]],
    tmp_path_factory: pytest.TempPathFactory,
    broker: Broker,
) -> AsyncIterator[tuple[Served, Served]]:
    directory, master_key = tmp_path_factory.mktemp("live"), new_master_key()
    with service_database("gateway") as urls, service_database("secrets") as secret_urls:
        async with AsyncExitStack() as closing:
            served = []
            for _ in range(2):
                gateway = make_gateway(
                    urls,
                    secret_urls,
                    directory,
                    master_key=master_key,
                    kafka=broker.bootstrap,
                    kafka_incarnation=broker.incarnation,
                )
                await gateway.runtime.database.open()
                closing.push_async_callback(gateway.runtime.database.close)
                closing.push_async_callback(gateway.runtime.extras["gateway"].audit.flush)
                await closing.enter_async_context(gateway.working())
                served.append(Served(gateway, await closing.enter_async_context(serving(gateway))))
            yield served[0], served[1]


@asynccontextmanager
async def serving(gateway: Gateway) -> AsyncIterator[str]:
    live = gateway.runtime.extras["gateway"].live
    steps = Loop("live_steps", lambda loop: hear_steps(gateway.runtime, live, loop))
    steps.start()
    port = free_port()
    config = uvicorn.Config(
        gateway.app,
        port=port,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
        ws="websockets-sansio",
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    await eventually(lambda: server.started and steps.healthy, what="the gateway serves")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await running
        await steps.stop()


@pytest.fixture
async def owner(replicas: tuple[Served, Served]) -> Tenant:
    return await replicas[0].gateway.register()


@asynccontextmanager
async def connected(
    served: Served, token: str, query: str = "", **options: Any
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    options.setdefault("headers", {"Authorization": f"Bearer {token}"} if token else {})
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{served.url}/ws{query}", **options) as socket,
    ):
        yield socket


async def next_of(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    async with asyncio.timeout(DEADLINE):
        message = await socket.receive()
    assert message.type is aiohttp.WSMsgType.TEXT, message
    found: dict[str, Any] = json.loads(message.data)
    return found


async def refused(served: Served, token: str, **options: Any) -> tuple[int, str]:
    with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
        async with connected(served, token, **options):
            pass
    async with aiohttp.ClientSession() as session:
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "X-Request-ID": "my-socket-1",
            **({"Authorization": f"Bearer {token}"} if token else {}),
        }
        async with session.get(f"{served.url}/ws", headers=upgrade) as answer:
            body = await answer.json()
            assert answer.headers["X-Request-ID"] == "my-socket-1"
    assert answer.status == raised.value.status
    return raised.value.status, body["error_code"]


def access(tenant: Tenant) -> str:
    return str(tenant.registered["access"])


@asynccontextmanager
async def hearing(served: Served, broker: Broker) -> AsyncIterator[None]:
    """This gateway alone takes what is said on the topics."""
    said = reactions(served.gateway.runtime.extras["gateway"].live)
    inbox = Inbox(group_of("gateway"), broker.incarnation, served.gateway.runtime.database, said)
    await inbox.begin()
    options: dict[str, Any] = {"embedded": broker.embedded, "take": inbox.take, "inbox": inbox}
    consumer = Consumer(broker.bootstrap, group_of("gateway"), said.topics, **options)
    loop = Loop("consumer", lambda loop: consumer.run(loop.beat))
    loop.start()
    try:
        yield
    finally:
        await loop.stop()


async def next_frame(stream: aiohttp.ClientResponse) -> bytes:
    """The next event of a stream, without what keeps it open."""
    async with asyncio.timeout(DEADLINE):
        while not (frame := await stream.content.readuntil(b"\n\n")).startswith(b"id: "):
            continue
    return frame


class TestAStream:
    async def test_tells_what_either_gateway_heard(
        self, replicas: tuple[Served, Served], owner: Tenant, broker: Broker
    ) -> None:
        stranger = await replicas[0].gateway.register()
        planner = DirectProducer(broker.bootstrap, "planner")
        headers = {"Authorization": f"Bearer {access(owner)}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"{replicas[0].url}/api/v1/events/") as here,
            session.get(f"{replicas[1].url}/api/v1/events/") as there,
        ):
            assert (here.status, there.status) == (200, 200)
            for heard_by in replicas:
                run = new_id()
                async with hearing(heard_by, broker):
                    await planner.send(PipelineRunPaused(run_id=new_id()), stranger.account_id)
                    await planner.send(PipelineRunPaused(run_id=run), owner.account_id)
                    told = [await next_frame(stream) for stream in (here, there)]
                assert told[0] == told[1]
                assert b"event: PipelineRunPaused\n" in told[0]
                assert json.loads(told[0].partition(b"data: ")[2]) == {"run_id": str(run)}
        await planner.close()


class TestASocket:
    async def test_tells_what_either_gateway_heard(
        self, replicas: tuple[Served, Served], owner: Tenant
    ) -> None:
        stranger = await replicas[0].gateway.register()
        async with (
            connected(replicas[1], access(owner)) as here,
            connected(replicas[0], access(owner)) as there,
        ):
            for heard_by in replicas:
                await heard_by.take(stranger.account_id, PipelineRunPaused(run_id=new_id()))
                run = new_id()
                await heard_by.take(owner.account_id, PipelineRunPaused(run_id=run))
                told = [await next_of(socket) for socket in (here, there)]
                assert told[0] == told[1]
                assert (told[0]["event"], told[0]["data"]) == ("PipelineRunPaused", {"run_id": str(run)})

    async def test_tells_steps_at_each_gateway(
        self, replicas: tuple[Served, Served], owner: Tenant, broker: Broker
    ) -> None:
        operation = new_id()
        step = ProgressReported(
            operation_id=operation, function="auto_cluster", phase="Saving", item=1, items=1, percent=90
        )
        asked = AIOperationRequested(
            operation_id=operation,
            function="auto_cluster",
            items=(),
            maximum=1,
            site_id=new_id(),
            sector_id=new_id(),
        )
        producer = DirectProducer(broker.bootstrap, "planner")
        async with (
            connected(replicas[0], access(owner)) as here,
            connected(replicas[1], access(owner)) as there,
        ):
            await replicas[0].take(owner.account_id, asked)
            for socket in (here, there):
                assert (await next_of(socket))["event"] == "AIOperationRequested"
            await producer.send(step, owner.account_id)
            await producer.close()
            for socket in (here, there):
                told = await next_of(socket)
                assert (told["id"], told["event"], told["data"]["percent"]) == (None, "ProgressReported", 90)
        for served in replicas:
            async with served.gateway.client(access(owner)) as client:
                answer = await client.get(f"/api/v1/system/settings/task_progress/{operation}/")
            assert answer.json()["data"]["phase"] == "Saving"

    async def test_tells_what_happens_as_soon_as_it_is_open(
        self, replicas: tuple[Served, Served], owner: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever sees it open may cause the next update at once: where it begins is known before."""
        known, go_on = asyncio.Event(), asyncio.Event()
        beginning = live_module.LiveUpdates.beginning

        async def held(live: live_module.LiveUpdates, *given: Any) -> int:
            found = await beginning(live, *given)
            known.set()
            await go_on.wait()
            return found

        monkeypatch.setattr(live_module.LiveUpdates, "beginning", held)
        headers = {"Authorization": f"Bearer {access(owner)}"}
        async with aiohttp.ClientSession() as session:
            opening = asyncio.ensure_future(session.ws_connect(f"{replicas[0].url}/ws", headers=headers))
            await known.wait()
            await replicas[0].take(owner.account_id, PipelineRunPaused(run_id=new_id()))
            assert not opening.done()
            go_on.set()
            async with await opening as socket:
                assert (await next_of(socket))["event"] == "PipelineRunPaused"

    async def test_resumes_after_the_last_one_seen_as_the_events_do(
        self, replicas: tuple[Served, Served], owner: Tenant
    ) -> None:
        runs = [PipelineRunPaused(run_id=new_id()) for _ in range(3)]
        await replicas[0].take(owner.account_id, *runs)
        async with connected(replicas[0], access(owner), "?last_event_id=0") as socket:
            said = [await next_of(socket) for _ in runs]
        assert [each["data"]["run_id"] for each in said] == [str(run.run_id) for run in runs]
        async with connected(replicas[1], access(owner), f"?last_event_id={said[1]['id']}") as socket:
            assert await next_of(socket) == said[2]
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {access(owner)}"}) as session,
            session.get(
                f"{replicas[1].url}/api/v1/events/", headers={"Last-Event-ID": str(said[1]["id"])}
            ) as stream,
        ):
            frames = [await stream.content.readuntil(b"\n\n") for _ in range(2)]
        assert f"id: {said[2]['id']}\nevent: PipelineRunPaused\n".encode() in frames[1]

    async def test_takes_its_token_from_a_page_that_can_send_no_header(
        self, replicas: tuple[Served, Served], owner: Tenant
    ) -> None:
        protocols = ("igny8", f"bearer.{access(owner)}")
        async with connected(replicas[0], "", protocols=protocols) as socket:
            assert socket.protocol == "igny8"
            await replicas[0].take(owner.account_id, PipelineRunPaused(run_id=new_id()))
            assert (await next_of(socket))["event"] == "PipelineRunPaused"

    async def test_shows_a_member_its_sites_alone(
        self, replicas: tuple[Served, Served], owner: Tenant
    ) -> None:
        async with owner.client() as client:
            made = await client.post("/api/v1/account/sites/", json={"name": "Acme"})
        site = UUID(made.json()["data"]["id"])
        editor = await owner.invite("editor", [str(site)])
        asked = [
            AIOperationRequested(
                operation_id=new_id(),
                function="auto_cluster",
                items=(),
                maximum=1,
                site_id=of,
                sector_id=new_id(),
            )
            for of in (new_id(), site)
        ]
        async with connected(replicas[1], access(editor)) as socket:
            await replicas[0].take(owner.account_id, *asked)
            assert (await next_of(socket))["data"]["site_id"] == str(site)


class TestWhoMayNot:
    async def test_is_refused_before_it_opens(self, replicas: tuple[Served, Served], owner: Tenant) -> None:
        assert await refused(replicas[0], "") == (401, "UNAUTHORIZED")
        assert await refused(replicas[0], access(owner)[:-4] + "AAAA") == (401, "UNAUTHORIZED")
        async with owner.client() as client:
            body = {"name": "Writer", "scopes": ["write"]}
            key = (await client.post("/api/v1/auth/api-keys/", json=body)).json()["data"]["key"]
        assert await refused(replicas[0], key) == (403, "FORBIDDEN")

    async def test_opens_no_more_streams_than_an_account_may_have(
        self, replicas: tuple[Served, Served], owner: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live_module, "MOST_STREAMS", 1)
        async with connected(replicas[0], access(owner)) as socket:
            await replicas[0].take(owner.account_id, PipelineRunPaused(run_id=new_id()))
            await next_of(socket)  # it is counted
            assert await refused(replicas[0], access(owner)) == (429, "RATE_LIMITED")
            async with owner.client() as client:
                assert (await client.get("/api/v1/events/")).status_code == 429
        stranger = await replicas[0].gateway.register()
        async with connected(replicas[0], access(stranger)):
            pass

    async def test_finds_no_other_socket(self, replicas: tuple[Served, Served], owner: Tenant) -> None:
        headers = {"Authorization": f"Bearer {access(owner)}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
                await session.ws_connect(f"{replicas[0].url}/api/v1/ws")
        assert raised.value.status == 404

    async def test_is_told_by_a_code_where_no_answer_can_be_given(
        self, replicas: tuple[Served, Served]
    ) -> None:
        sent: list[Any] = []

        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "websocket", "path": "/ws", "query_string": b"", "headers": [], "subprotocols": []}
        await replicas[0].gateway.app(scope, receive, send)
        assert sent == [{"type": "websocket.close", "code": 4401, "reason": "UNAUTHORIZED"}]

    async def test_is_put_out_when_its_session_ends(
        self, replicas: tuple[Served, Served], owner: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live_module, "STREAM_SECONDS", 0.0)
        monkeypatch.setattr(live_module, "HEARTBEAT_SECONDS", 0.01)
        async with connected(replicas[0], access(owner)) as socket:
            async with owner.client() as client:
                assert (await client.post("/api/v1/auth/logout-all/")).status_code == 200
            async with asyncio.timeout(DEADLINE):
                message = await socket.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 4401)
        assert message.extra == "UNAUTHORIZED"

    async def test_sends_us_no_large_messages(self, replicas: tuple[Served, Served], owner: Tenant) -> None:
        async with connected(replicas[0], access(owner)) as socket:
            await socket.send_str("x" * (LARGEST_MESSAGE + 1))
            async with asyncio.timeout(DEADLINE):
                message = await socket.receive()
        assert message.data == 1009
