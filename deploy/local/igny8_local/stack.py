"""The stack as seen from outside its supervisor: what the command line, the demo and the tests use."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from igny8_local.databases import Databases, Duty
from igny8_local.environment import Broker, checked, service_environment
from igny8_local.errors import AlreadyRunning, StackError
from igny8_local.keys import Credentials
from igny8_local.layout import Layout
from igny8_local.plan import POSTGRES_STOP_SECONDS, SERVICE_STOP_SECONDS, Plan
from igny8_local.probe import health
from igny8_local.rotation import MAX_BYTES
from igny8_local.services import DEFAULT_PORT, HOST, ServiceCommand, installed_services

_STOP_SECONDS = 2 * SERVICE_STOP_SECONDS + POSTGRES_STOP_SECONDS
_POLL = 0.05

Progress = Callable[[str, str, str], None]
"""Hears each step of a start: part, state (`starting`, `ready`), detail."""


@dataclass(frozen=True)
class ServiceStatus:
    """One service as it is now; what it did not tell is None."""

    name: str
    pid: int | None
    url: str
    healthy: bool
    outbox_age_seconds: float | None
    lag: int | None
    complaint: str
    checks: dict[str, dict[str, Any]]


def _ignore(part: str, state: str, detail: str) -> None:
    del part, state, detail


class Stack:
    """The stack of one data directory, running or not.

    Other services than the installed ones, and another migration command, may be given: tests do.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        environment: Mapping[str, str] | None = None,
        *,
        services: Sequence[ServiceCommand] | None = None,
        migrate: Sequence[str] = (),
    ) -> None:
        self.environment = dict(os.environ if environment is None else environment)
        self.layout = Layout(data_dir.resolve())
        self.plan = Plan(
            self.layout.data_dir,
            _port(port, self.environment),
            tuple(services or installed_services()),
            tuple(migrate),
        )

    def start(self, progress: Progress = _ignore, *, migrate_again: bool = False) -> None:
        """Starts everything in the background and returns when every service is ready.

        Databases that have seen this code's migrations are skipped unless `migrate_again`.

        Raises AlreadyRunning, or StackError when a port is taken, a variable makes no sense or a part does not start:
        then nothing is left running.
        """
        checked(self.environment)
        try:
            self.layout.create()
        except OSError as error:
            raise StackError(
                f"Cannot write to {self.layout.data_dir}: {error.strerror}. Choose another place with --data-dir."
            ) from error
        if self.supervisor_pid() is not None:
            raise AlreadyRunning(f"The stack in {self.layout.data_dir} is running already.")
        self._refuse_taken_ports()
        process = self._launch(migrate_again)
        try:
            self._follow(process, progress)
        except BaseException:
            with suppress(ProcessLookupError):
                process.terminate()
            process.wait()
            raise
        finally:
            if process.stdout:
                process.stdout.close()

    def stop(self) -> bool:
        """Stops everything, data kept; False when nothing was running."""
        pid = self.supervisor_pid()
        if pid is None:
            self.layout.state.unlink(missing_ok=True)
            return False
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while self.supervisor_pid() is not None:
            _reap(pid)
            if time.monotonic() > deadline:
                self._kill_all(pid)
            time.sleep(_POLL)
        return True

    def kill(self, part: str) -> int:
        """Ends a service, `broker` or `postgres` by SIGKILL; the supervisor starts it again. The old pid."""
        pid = self.pid(part)
        if pid is None:
            raise StackError(f"{part} is not running.")
        os.kill(pid, signal.SIGKILL)
        return pid

    def hold(self, service: str) -> None:
        """Stops one service, which stays down until `release`; kills it where it does not end in time."""
        (self.layout.held / service).touch()
        if pid := self.pid(service):
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                process.terminate()
                try:
                    process.wait(SERVICE_STOP_SECONDS)
                except psutil.TimeoutExpired:
                    process.kill()
                    process.wait(SERVICE_STOP_SECONDS)

    def release(self, service: str) -> None:
        """Lets the supervisor start a held service again."""
        (self.layout.held / service).unlink(missing_ok=True)

    def wait_ready(self, timeout: float = 60) -> None:
        """Waits (seconds) until every service is ready, for instance after `kill`; raises StackError."""
        deadline = time.monotonic() + timeout
        while True:
            services = self.services()
            red = [f"{each.name} ({each.complaint})" for each in services if not each.healthy]
            if services and not red:
                return
            if time.monotonic() > deadline:
                raise StackError(
                    f"Not ready after {timeout:.0f} s: {', '.join(red) or 'nothing is running'}."
                )
            time.sleep(2 * _POLL)

    def state(self) -> dict[str, Any] | None:
        """What the supervisor last wrote down, None when none is running."""
        return self.layout.read_state() if self.supervisor_pid() is not None else None

    def pid(self, part: str) -> int | None:
        """The process of a service, of `broker` or of `postgres`."""
        parts = (self.state() or {}).get("parts", [])
        return next((each["pid"] for each in parts if each["name"] == part), None)

    def services(self) -> list[ServiceStatus]:
        """Every running stack's service with its health, asked now."""
        parts = [part for part in (self.state() or {}).get("parts", []) if part["url"]]
        with ThreadPoolExecutor(max_workers=max(1, len(parts))) as threads:
            answers = list(threads.map(lambda part: health(part["url"], part["pid"]), parts))
        return [
            ServiceStatus(
                part["name"],
                part["pid"] if psutil.pid_exists(part["pid"]) else None,
                part["url"],
                answer.ready,
                answer.outbox_age_seconds,
                answer.lag,
                answer.complaint,
                answer.checks,
            )
            for part, answer in zip(parts, answers, strict=True)
        ]

    def status(self) -> dict[str, Any]:
        """What `igny8 status --json` prints; the database URLs carry the passwords of the service roles."""
        state = self.state() or {}
        shown = ("name", "pid", "url", "healthy", "outbox_age_seconds", "lag")
        return {
            "url": state.get("url"),
            "data_dir": str(self.layout.data_dir),
            "kafka": state.get("kafka"),
            "databases": state.get("databases", {}),
            "services": [{field: getattr(each, field) for field in shown} for each in self.services()],
        }

    def database_url(self, service: str, duty: Duty = "service") -> str:
        """The URL of a service's database for one of its roles; the stack must be running."""
        return self._databases(self._running()).url(service, duty)

    def service_environment(self, service: str) -> dict[str, str]:
        """What the running stack tells a service: to run another one beside it."""
        state = self._running()
        return service_environment(
            service,
            given=self.environment,
            layout=self.layout,
            databases=self._databases(state),
            broker=Broker(state["kafka"], state["incarnation"]),
            ports=self.plan.ports,
        )

    def _running(self) -> dict[str, Any]:
        if (state := self.state()) is None:
            raise StackError(f"The stack in {self.layout.data_dir} is not running; start it with ./igny8 up.")
        return state

    def _databases(self, state: Mapping[str, Any]) -> Databases:
        prefix = self.environment.get("IGNY8_DATABASE_PREFIX") or "igny8"
        return Databases(state["admin_database"], Credentials(self.layout.credentials), prefix)

    def supervisor_pid(self) -> int | None:
        """The pid of the supervisor that holds this data directory."""
        try:
            descriptor = os.open(self.layout.lock, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            written = os.pread(descriptor, 32, 0).decode()
            return int(written) if written else 0
        finally:
            os.close(descriptor)
        return None

    def _launch(self, migrate_again: bool) -> subprocess.Popen[str]:
        log = self.layout.log("supervisor")
        fresh = log.exists() and log.stat().st_size > MAX_BYTES
        with log.open("w" if fresh else "a") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "igny8_local.daemon"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=self.environment | {"PYTHONSAFEPATH": "1"},
                cwd=self.layout.data_dir,
                start_new_session=True,
                text=True,
            )
        assert process.stdin is not None
        process.stdin.write(replace(self.plan, migrate_again=migrate_again).to_json())
        process.stdin.close()
        return process

    def _follow(self, process: subprocess.Popen[str], progress: Progress) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            step = json.loads(line)
            match step["part"], step["state"]:
                case "stack", "ready":
                    return
                case "stack", "running":
                    raise AlreadyRunning(step["detail"])
                case "stack", "failed":
                    raise StackError(step["detail"])
                case part, state:
                    progress(part, state, step["detail"])
        raise StackError(f"The supervisor ended while it started; see {self.layout.log('supervisor')}.")

    def _refuse_taken_ports(self) -> None:
        for service, port in self.plan.ports.items():
            if taken := port_taken(port):
                raise StackError(
                    f"Port {port} ({service}) is taken by {taken}. Stop it, or choose other ports with --port or "
                    "IGNY8_PORT (the five services take five in a row)."
                )

    def _kill_all(self, supervisor: int) -> None:
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(supervisor).children(recursive=True)
            for process in [psutil.Process(supervisor), *children]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()


def port_taken(port: int) -> str | None:
    """Who listens on a local port ("process 12 (nginx)", or "another process"), None when it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            pass
        else:
            return None
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return "another process"


def _port(port: int | None, environment: Mapping[str, str]) -> int:
    given = str(port or environment.get("IGNY8_PORT") or DEFAULT_PORT)
    if not given.isdecimal() or not 1 <= int(given) <= 65_531:
        raise StackError(f"{given!r} is no port: --port and IGNY8_PORT take a number from 1 to 65531.")
    return int(given)


def _reap(pid: int) -> None:
    """Collects the supervisor where it is our own child; otherwise it would keep its pid as a zombie."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
