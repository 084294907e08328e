"""A service's process: HTTP, relay, consumer, dead letters, catch-up and jobs around one database."""

import asyncio
import gc
import os
import resource
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from socket import socket
from types import FrameType
from typing import Any

import structlog
import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp

from common import crash_points, telemetry
from common.ai.providers.choose import choose_provider
from common.api.app import make_app
from common.api.runtime import RuntimeOf
from common.auth.identity import IdentityVerifier
from common.auth.permissions import ROUTES, Routes
from common.clock import MOST_SKEW_SECONDS, DatabaseClock
from common.contracts.base import CONTROL_TOPIC
from common.database import Database, pool_task_ended
from common.jobs.worker import JobHandler, JobWorker
from common.messaging.catch_up import CatchUpSource, ask
from common.messaging.consumer import Consumer, group_of
from common.messaging.dead_letters import Retrier
from common.messaging.direct import DirectProducer
from common.messaging.inbox import Inbox
from common.messaging.reactions import Reactions
from common.messaging.relay import Relay
from common.messaging.topics import ensure_topics, incarnation_of
from common.migrate import head_of
from common.model import ServiceModel
from common.objects import open_store
from common.replicas.accounts import ACCOUNT_STREAM
from common.replicas.causal import ReplicaWaiter
from common.secrets import open_secrets
from common.settings import Settings
from common.supervision import Loop, comes

log = structlog.get_logger()

REQUESTS_END_SECONDS = 5
FORCED_END_SECONDS = 12.0
"""Within the 15 s that whoever asked a service to end waits for it."""
LARGEST_MESSAGE = 4_096
"""Bytes that a WebSocket's client may send at once; nothing of it is read."""
OUTBOX_TOO_OLD_SECONDS = 30.0
"""The relay drains thousands of rows a second: what waits this long is stuck."""
CLOCK_SECONDS = 2.0
"""Between two readings of the database's clock, and two looks at what the pool lives by."""
FIRST_READING_SECONDS = 2.0
"""How long a service waits for the first one before it answers requests, which are let in by the time of their tokens."""


async def _nothing(_runtime: RuntimeOf) -> None:
    return None


@dataclass(frozen=True)
class Service:
    """What makes one service different from the others; everything else is below."""

    name: str
    model: ServiceModel
    reactions: Reactions
    routers: tuple[APIRouter, ...]
    jobs: Callable[[RuntimeOf], tuple[JobHandler, ...]] = lambda _runtime: ()
    on_start: Callable[[RuntimeOf], Awaitable[None]] = _nothing
    wrap: Callable[[ASGIApp, RuntimeOf], ASGIApp] | None = None
    """The gateway's forwarder goes around its own routes."""
    hears: Callable[[RuntimeOf], Reactions] | None = None
    """For reactions that need the runtime (live updates); instead of `reactions`."""
    loops: Callable[[RuntimeOf], tuple[Loop, ...]] = lambda _runtime: ()
    """What else it does besides answering requests."""
    routes: Routes = ROUTES
    """What each of its routes asks of the caller."""
    websockets: bool = False


@dataclass
class Process:
    """One running service."""

    service: Service
    runtime: RuntimeOf
    relay: Relay
    loops: list[Loop] = field(default_factory=list)
    consumer: Consumer | None = None


def main(service: Service) -> None:
    """Run until SIGTERM or SIGINT."""
    settings = Settings()
    crash_points.enable(service.name)
    telemetry.configure(service.name, log_level=settings.log_level, otlp_endpoint=settings.otlp_endpoint)
    host, port = settings.host_and_port
    config = uvicorn.Config(
        build(service, settings),
        host=host,
        port=port,
        loop="uvloop",
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=settings.trusted_proxies,
        ws="websockets-sansio" if service.websockets else "none",
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,  # the windows of an idle connection would be most of its memory
        timeout_graceful_shutdown=REQUESTS_END_SECONDS,
        lifespan="on",
    )
    _open_files()
    server = _Server(config)
    server.run()
    if not server.started:
        sys.exit(1)


def _open_files() -> None:
    """As many as the system lets: every open connection is one, and the usual 1,024 are for programs that use select()."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems say "infinite" and mean less
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _Server(uvicorn.Server):
    """Ends when it is told to, also where something in it does not: being killed is safe at any moment."""

    async def serve(self, sockets: list[socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        forced = threading.Timer(FORCED_END_SECONDS, self._end_by_force)
        forced.daemon = True
        forced.start()
        super().handle_exit(sig, frame)

    def _end_by_force(self) -> None:
        with suppress(RuntimeError):  # tasks come and go while they are listed
            log.error("service_does_not_end", tasks=[str(task) for task in asyncio.all_tasks(self._loop)])
        os._exit(1)


def build(service: Service, settings: Settings) -> ASGIApp:
    """The ASGI app of a service, with its loops in the lifespan."""
    database = Database(settings.service_database, service.model)
    clock = DatabaseClock()
    runtime = RuntimeOf(
        service=service.name,
        settings=settings,
        database=database,
        producer=DirectProducer(settings.kafka, service.name),
        objects=open_store(settings.objects),
        provider=choose_provider(settings),
        secrets=open_secrets(settings),
        replicas=ReplicaWaiter(database) if service.reactions.follows(ACCOUNT_STREAM) else None,
        verifier=IdentityVerifier(settings.jwks, clock=clock),
        clock=clock,
        routes=service.routes,
    )
    if runtime.replicas is not None:
        runtime.heard.append(runtime.replicas.advanced)
    process = Process(service, runtime, Relay(settings.relay_database, service.model, settings.kafka))
    database.committed.append(lambda: process.relay.wake())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await start(process)
        gc.freeze()  # what a service is made of never becomes garbage; collections need not look at it again
        try:
            yield
        finally:
            await stop(process)

    app = make_app(service.name, (*service.routers, health_router(process)), lifespan=lifespan)
    app.state.runtime = runtime
    app.state.process = process
    return service.wrap(app, runtime) if service.wrap else app


async def start(process: Process) -> None:
    """Open the database and start the loops; none of them needs Kafka or the database to be there already."""
    service, runtime = process.service, process.runtime
    database, settings = runtime.database, runtime.settings
    await database.open()
    reactions = service.hears(runtime) if service.hears else service.reactions
    group = group_of(service.name)

    def heard() -> None:
        for call in runtime.heard:
            call()

    source = CatchUpSource(service.name, database, settings.kafka, lambda: process.relay.wake())
    embedded = bool(settings.kafka_incarnation)

    async def relay(loop: Loop) -> None:
        await ensure_topics(settings.kafka, embedded=embedded)
        process.relay = process.relay.successor()  # one that hung may still be ending
        process.relay.beat = loop.beat
        await process.relay.run()

    async def consume(loop: Loop) -> None:
        await ensure_topics(settings.kafka, embedded=embedded)
        inbox = Inbox(
            group,
            await incarnation_of(settings.kafka, settings.kafka_incarnation),
            database,
            reactions,
            advanced=heard,
        )
        await inbox.begin()
        process.consumer = Consumer(
            settings.kafka, group, reactions.topics, embedded=embedded, take=inbox.take, inbox=inbox
        )
        await process.consumer.run(loop.beat)

    async def control(loop: Loop) -> None:
        await ensure_topics(settings.kafka, embedded=embedded)
        asked = f"{group}.control"
        consumer = Consumer(settings.kafka, asked, [CONTROL_TOPIC], embedded=embedded, take=source.take)
        await consumer.run(loop.beat)

    async def retry(loop: Loop) -> None:
        await Retrier(group, database, reactions).run(loop.beat)

    async def jobs(loop: Loop) -> None:
        handlers = service.jobs(runtime)
        if handlers:
            loop.beat("the database's clock has not been read yet")
            await (
                runtime.clock.known.wait()
            )  # a job may decide by it, for instance whether a request can still arrive
            await JobWorker(settings.service_database, handlers).run(loop.beat)
        while True:  # a service without jobs
            loop.beat()
            await asyncio.sleep(1)

    async def begin(loop: Loop) -> None:
        await service.on_start(runtime)
        while True:
            loop.beat()
            await asyncio.sleep(1)

    async def keep_database(loop: Loop) -> None:
        if pool_task_ended(database.pool):
            await database.renew()
        while not pool_task_ended(database.pool):
            async with database.transaction(None) as tx:
                await runtime.clock.read(tx)
            loop.beat()
            await asyncio.sleep(CLOCK_SECONDS)
        raise ConnectionError("the connection pool has lost a task of its own")

    process.loops = [
        Loop("database", keep_database),
        Loop("relay", relay),
        Loop("consumer", consume),
        Loop("control", control),
        Loop("dead_letters", retry),
        Loop("catch_up_asks", lambda loop: ask(database, runtime.producer, loop.beat)),
        Loop("catch_up_source", lambda loop: source.run(loop.beat)),
        Loop("jobs", jobs),
        Loop("start", begin),
        *service.loops(runtime),
    ]
    for loop in process.loops:
        loop.start()
    await comes(runtime.clock.known, FIRST_READING_SECONDS)
    log.info("service_started", service=service.name)


async def stop(process: Process) -> None:
    await asyncio.gather(*(loop.stop() for loop in process.loops))
    await process.runtime.producer.close()
    await process.runtime.database.close()
    await process.runtime.close()
    log.info("service_stopped", service=process.service.name)


def health_router(process: Process) -> APIRouter:
    """`/livez`: the process runs. `/readyz`: it can do its work; 503 and the cause when it cannot."""
    router = APIRouter(include_in_schema=False)
    head = head_of(process.service.name)

    @router.get("/livez")
    async def livez() -> dict[str, bool]:
        return {"alive": True}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        checks: dict[str, dict[str, Any]] = {}
        try:
            async with asyncio.timeout(2), process.runtime.database.transaction(None) as tx:
                row = await tx.first(
                    "SELECT (SELECT version_num FROM alembic_version) AS version, outbox_age_seconds() AS age,"
                    " (SELECT count(*) FROM outbox_dead_letters) AS refused"
                )
            assert row is not None
            checks["database"] = _loop_check(process, "database")
            checks["migrations"] = {
                "ok": row["version"] == head,
                "detail": f"at {row['version']}, code has {head}",
            }
            checks["relay"] = _relay_check(process, float(row["age"]), int(row["refused"]))
        except Exception as error:
            checks["database"] = {"ok": False, "detail": f"{type(error).__name__}: {error}"}
        for loop in process.loops:
            if loop.name not in ("relay", "database"):
                checks[loop.name] = _loop_check(process, loop.name)
        checks["clock"] = _clock_check(process.runtime.clock.skew)
        consumer = process.consumer
        checks["consumer"]["lag"] = consumer.lag() if consumer else None
        checks["broker"] = {
            "ok": bool(consumer and consumer.assigned),
            "detail": "partitions assigned"
            if consumer and consumer.assigned
            else "no partitions assigned yet",
        }
        ready = all(check["ok"] for check in checks.values())
        return JSONResponse({"ready": ready, "pid": os.getpid(), "checks": checks}, 200 if ready else 503)

    return router


def _loop_check(process: Process, name: str) -> dict[str, Any]:
    loop = next(loop for loop in process.loops if loop.name == name)
    return {"ok": loop.healthy, "detail": loop.detail}


def _clock_check(skew: float) -> dict[str, Any]:
    """Nothing is decided by this machine's clock; but who reads its logs, or a certificate's dates, is misled."""
    side = "ahead of" if skew > 0 else "behind"
    detail = f"{abs(skew):.1f} s {side} the database's clock, at most {MOST_SKEW_SECONDS:.0f} s are in order"
    return {"ok": abs(skew) <= MOST_SKEW_SECONDS, "detail": detail, "skew_seconds": round(skew, 3)}


def _relay_check(process: Process, age: float, refused: int) -> dict[str, Any]:
    check = _loop_check(process, "relay")
    detail = check["detail"]
    if age > OUTBOX_TOO_OLD_SECONDS:
        detail = f"the oldest outbox row waits for {age:.0f} s: is Kafka there? ({detail})"
    if refused:
        detail = f"{refused} facts were refused by Kafka, see outbox_dead_letters"
    ok = check["ok"] and age <= OUTBOX_TOO_OLD_SECONDS and refused == 0
    return {"ok": ok, "detail": detail, "outbox_age_seconds": age}
