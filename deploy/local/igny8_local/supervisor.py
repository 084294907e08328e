"""The daemon of one data directory: starts the parts in order, starts again what dies, stops all of it.

Run as `python -m igny8_local.daemon` with a `Plan` as JSON on standard input. Until the stack is up it
reports each step as a line of JSON on standard output; its own log goes to standard error.
"""

import asyncio
import fcntl
import json
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial

from common.auth.signing_keys import prepare_keys

from igny8_local import forked
from igny8_local.databases import Databases
from igny8_local.environment import Broker, base_environment, service_environment
from igny8_local.errors import AlreadyRunning, StackError
from igny8_local.keys import Credentials
from igny8_local.layout import Layout, write_atomically
from igny8_local.migrations import migrate
from igny8_local.plan import POSTGRES_STOP_SECONDS, SERVICE_STOP_SECONDS, Plan
from igny8_local.postgres import ADMIN, EmbeddedPostgres
from igny8_local.probe import health
from igny8_local.process import Child
from igny8_local.rotation import last_lines
from igny8_local.services import HOST, ServiceCommand

logger = logging.getLogger("igny8.supervisor")

POSTGRES = "postgres"
BROKER = "broker"

READY_SECONDS = 90.0  # a cold start on a slow disk with both processors busy took 30
_START_ATTEMPTS = 3
_LONGEST_PAUSE = 10.0
_PARTING_SECONDS = 3.0
"""For services whose broker is gone: an orderly end waits for it, up to 15 s; being killed they stand anyway."""
_POLL = 0.05
_LOCK_ATTEMPTS = 10


def pauses() -> Iterator[float]:
    """Seconds to wait before each new start of what died: at once, then doubling up to 10 s."""
    yield 0.0
    pause = 0.25
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE)


def resumed(pause: Iterator[float], lived: float) -> Iterator[float]:
    """The pauses to go on with after a process that lived so many seconds.

    What lives longer than the longest pause starts again at once: pauses only spare a machine what dies right after its start.
    """
    return pauses() if lived > _LONGEST_PAUSE else pause


class Part:
    """Something that is kept running: how to start it, and how often it was."""

    def __init__(self, name: str, start: Callable[[], Awaitable[Child]], stop_with: signal.Signals) -> None:
        self.name = name
        self.start = start
        self.stop_with = stop_with
        self.child: Child | None = None
        self.starts = 0
        self.last_exit: int | None = None


class Supervisor:
    """The running stack. `report` hears each step of the start: part, state, detail."""

    def __init__(self, plan: Plan, given: Mapping[str, str], report: Callable[[str, str, str], None]) -> None:
        self._plan = plan
        self._given = given
        self._report = report
        self._layout = Layout(plan.data_dir)
        credentials = Credentials(self._layout.credentials)
        self._embedded = (
            None
            if given.get("IGNY8_DATABASE")
            else EmbeddedPostgres(self._layout.postgres, credentials.password(ADMIN))
        )
        admin_url = self._embedded.url if self._embedded else given["IGNY8_DATABASE"]
        prefix = given.get("IGNY8_DATABASE_PREFIX") or "igny8"
        self._databases = Databases(admin_url, credentials, prefix)
        self._broker = Broker(given.get("IGNY8_KAFKA", ""))
        self._parts: dict[str, Part] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._state = "starting"

    def stop(self) -> None:
        """Ends `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Starts everything, reports, and keeps it up until `stop`; raises StackError when the start fails."""
        try:
            starting = asyncio.create_task(self._start())
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                await asyncio.wait({starting})
                return
            starting.result()
            self._report("stack", "ready", "")
            await stopping
        finally:
            await self._shut_down()

    async def _start(self) -> None:
        if not self._plan.migrate or not all(service.command for service in self._plan.services):
            forked.prepare()
        prepare_keys(self._layout.token_keys, time.time())
        for left in self._layout.held.iterdir():
            left.unlink()
        self._write_state()
        async with asyncio.TaskGroup() as group:
            databases = group.create_task(self._start_databases())
            if not self._broker.bootstrap:
                group.create_task(self._start_part(BROKER, self._start_broker))
        applied = databases.result()
        await migrate(
            self._databases,
            dict.fromkeys(applied) if self._plan.migrate_again else applied,
            self._plan.migrate,
            base_environment(self._given),
            lambda step, state: self._report(step, state, ""),
        )
        async with asyncio.TaskGroup() as group:
            for service in self._plan.services:
                group.create_task(self._start_part(service.name, self._starter(service)))
        async with asyncio.TaskGroup() as group:
            for service in self._plan.services:
                group.create_task(self._until_ready(service.name))
        self._state = "running"
        self._write_state()
        logger.info("stack ready at http://%s:%d", HOST, self._plan.port)

    async def _start_databases(self) -> dict[str, str | None]:
        if self._embedded:
            await self._start_part(POSTGRES, self._start_postgres, signal.SIGINT)
        names = [service.name for service in self._plan.services]
        return await asyncio.to_thread(self._databases.bootstrap, names)

    async def _start_part(
        self, name: str, start: Callable[[], Awaitable[Child]], stop_with: signal.Signals = signal.SIGTERM
    ) -> None:
        self._report(name, "starting", "")
        part = self._parts[name] = Part(name, start, stop_with)
        for attempt, pause in enumerate(pauses(), start=1):
            await asyncio.sleep(pause)
            try:
                await self._launch(part)
            except StackError:
                # Processes of a killed server may hold its memory for a moment longer.
                if attempt == _START_ATTEMPTS:
                    raise
            else:
                break
        self._keepers.append(asyncio.create_task(self._keep(part)))
        if name in (POSTGRES, BROKER):
            self._report(name, "ready", "")

    async def _launch(self, part: Part) -> None:
        broker = self._broker
        part.child = await part.start()
        part.starts += 1
        if part.name in self._plan.ports and self._broker is not broker:
            await part.child.stop()  # started with the address of a broker that has just been replaced
        try:
            self._write_state()
        except OSError as error:
            logger.error("cannot write %s: %s", self._layout.state, error)

    async def _keep(self, part: Part) -> None:
        """Starts the part again whenever it ends, with growing pauses until it has been steady for a while."""
        pause = pauses()
        while True:
            started = time.monotonic()
            assert part.child is not None
            part.last_exit = await part.child.wait()
            expected = part.child.expected_to_end
            if not expected:
                logger.warning("%s (pid %d) ended: %s", part.name, part.child.pid, part.last_exit)
            pause = pauses() if expected else resumed(pause, time.monotonic() - started)
            await self._start_again(part, pause)
            logger.info("%s started again (pid %d)", part.name, part.child.pid)
            if part.name == BROKER:
                logger.info("new broker at %s: restarting the services", self._broker.bootstrap)
                await self._stop_parts(self._plan.ports, _PARTING_SECONDS)

    async def _start_again(self, part: Part, pause: Iterator[float]) -> None:
        while True:
            await asyncio.sleep(next(pause))
            while (self._layout.held / part.name).exists():  # noqa: ASYNC110 - another process removes the file
                await asyncio.sleep(_POLL)
            try:
                await self._launch(part)
            except (StackError, OSError) as error:
                logger.error("%s does not start: %s", part.name, error)
            else:
                return

    async def _start_postgres(self) -> Child:
        assert self._embedded is not None
        await asyncio.to_thread(self._embedded.prepare)
        child = await Child.start(
            self._embedded.command,
            log=self._layout.log(POSTGRES),
            environment=base_environment(self._given),
            directory=self._embedded.directory,
            user=self._embedded.user,
            end_with_parent=signal.SIGINT,
        )
        # No deadline of its own: crash recovery takes as long as there is log to replay.
        await self._until(child, POSTGRES, partial(self._embedded.is_ready, child.pid))
        return child

    async def _start_broker(self) -> Child:
        file = self._layout.broker
        file.unlink(missing_ok=True)
        child = await Child.start(
            [sys.executable, "-m", "igny8_local.broker", "--file", str(file)],
            log=self._layout.log(BROKER),
            environment=base_environment(self._given),
            directory=self._layout.data_dir,
        )
        await self._until(child, BROKER, file.exists)
        # Its topics start empty: offsets kept for the one before mean nothing now.
        self._broker = Broker(file.read_text(), secrets.token_hex(8))
        return child

    def _starter(self, service: ServiceCommand) -> Callable[[], Awaitable[Child]]:
        def start() -> Awaitable[Child]:
            log, directory = self._layout.log(service.name), self._layout.data_dir
            environment = service_environment(
                service.name,
                given=self._given,
                layout=self._layout,
                databases=self._databases,
                broker=self._broker,
                ports=self._plan.ports,
            )
            if not service.command:
                return Child.fork(service.name, log=log, environment=environment, directory=directory)
            return Child.start(service.command, log=log, environment=environment, directory=directory)

        return start

    async def _until(self, child: Child, name: str, ready: Callable[[], bool]) -> None:
        try:
            while not ready():
                if child.returncode is not None:
                    raise StackError(self._obituary(name, child.returncode))
                await asyncio.sleep(_POLL)
        except BaseException:
            await child.stop()
            await child.wait()
            raise

    async def _until_ready(self, name: str) -> None:
        """Waits for the first green answer of a service, or explains why there is none."""
        part, url = self._parts[name], f"http://{HOST}:{self._plan.ports[name]}"
        deadline = time.monotonic() + READY_SECONDS
        while True:
            assert part.child is not None
            if (answer := await asyncio.to_thread(health, url, part.child.pid)).ready:
                break
            if part.starts >= _START_ATTEMPTS and part.last_exit is not None:
                raise StackError(self._obituary(name, part.last_exit))
            if time.monotonic() > deadline:
                raise StackError(
                    f"{name} is not ready after {READY_SECONDS:.0f} s ({answer.complaint}); "
                    f"see {self._layout.log(name)}."
                )
            await asyncio.sleep(2 * _POLL)
        self._report(name, "ready", url)

    def _obituary(self, name: str, code: int) -> str:
        log = self._layout.log(name)
        tail = "\n".join(last_lines(log, 12))
        return f"{name} ends right after its start (exit code {code}). The end of {log}:\n{tail}"

    async def _stop_parts(self, names: Iterable[str], deadline: float) -> None:
        parts = [part for name in names if (part := self._parts.get(name))]
        await asyncio.gather(*(part.child.stop(part.stop_with, deadline) for part in parts if part.child))

    async def _shut_down(self) -> None:
        self._state = "stopping"
        with suppress(OSError):  # a full disk must not keep anything running
            self._write_state()
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await self._stop_parts(self._plan.ports, SERVICE_STOP_SECONDS)
        await self._stop_parts([BROKER], SERVICE_STOP_SECONDS)
        await self._stop_parts([POSTGRES], POSTGRES_STOP_SECONDS)
        await asyncio.gather(*(part.child.wait() for part in self._parts.values() if part.child))
        self._layout.state.unlink(missing_ok=True)
        logger.info("stack stopped")

    def _url(self, name: str) -> str | None:
        port = self._plan.ports.get(name)
        return f"http://{HOST}:{port}" if port else None

    def _write_state(self) -> None:
        state = {
            "pid": os.getpid(),
            "state": self._state,
            "url": self._url(self._plan.services[0].name),
            "port": self._plan.port,
            "data_dir": str(self._plan.data_dir),
            "kafka": self._broker.bootstrap,
            "incarnation": self._broker.incarnation,
            "admin_database": self._databases.admin_url,
            "databases": {each.name: self._databases.url(each.name) for each in self._plan.services},
            "parts": [
                {
                    "name": part.name,
                    "pid": part.child.pid if part.child else None,
                    "starts": part.starts,
                    "url": self._url(part.name),
                }
                for part in self._parts.values()
            ],
        }
        write_atomically(self._layout.state, json.dumps(state, indent=1))


def hold_lock(layout: Layout) -> int:
    """Takes the data directory for this process until it ends; raises AlreadyRunning."""
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for _ in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            time.sleep(_POLL)  # somebody who looks whether the lock is held holds it for an instant
    else:
        os.close(descriptor)
        raise AlreadyRunning(f"The stack in {layout.data_dir} is running already.")
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def _say(part: str, state: str, detail: str = "") -> None:
    with suppress(BrokenPipeError, ValueError):  # whoever started us has gone, or has heard enough
        print(json.dumps({"part": part, "state": state, "detail": detail}), flush=True)


async def _serve(plan: Plan) -> None:
    supervisor = Supervisor(plan, os.environ, _say)
    loop = asyncio.get_running_loop()
    for sent in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sent, supervisor.stop)
    await supervisor.run()


def main() -> None:
    """Runs the stack of the plan on standard input; exit code 1 when it does not start."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    plan = Plan.from_json(sys.stdin.read())
    try:
        hold_lock(Layout(plan.data_dir))
        asyncio.run(_serve(plan))
    except BaseException as raised:
        error = raised
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if not isinstance(error, StackError):
            logger.exception("the supervisor failed")
        kind = "running" if isinstance(error, AlreadyRunning) else "failed"
        _say("stack", kind, str(error) or repr(error))
        sys.exit(1)
