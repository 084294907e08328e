"""Finds what is wrong with a stack, running or not, and names cause and remedy."""

import http.client
import shutil
import socket
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psycopg

from igny8_local.databases import without_password
from igny8_local.layout import REPOSITORY
from igny8_local.rotation import last_lines
from igny8_local.stack import ServiceStatus, Stack, port_taken

MINIMUM_PYTHON = (3, 11)
LOW_DISK_BYTES = 1_000_000_000  # PostgreSQL's log alone may grow by this much between two checkpoints
OLD_OUTBOX_SECONDS = 30.0  # the relay empties an outbox within a second unless it is stuck
LONG_LAG = 10_000  # messages: some seconds of work, and a fraction of what the embedded broker remembers
CLOCK_SKEW_SECONDS = 30.0  # what identity tokens allow
_TIMEOUT = 5.0


@dataclass(frozen=True)
class Problem:
    """A named cause, what was seen, and what to do about it."""

    cause: str
    detail: str
    remedy: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def examine(stack: Stack) -> list[Problem]:
    """Every problem of the stack, the causes before their consequences."""
    state = stack.state()
    problems = [
        *check_python(),
        *check_lock(REPOSITORY / "uv.lock"),
        *check_data_directory(stack.layout.data_dir),
        *check_ai_endpoint(stack.environment),
    ]
    if state is None:
        problems += check_leftovers(stack)
        problems += check_ports(stack.plan.ports)
        if url := stack.environment.get("IGNY8_DATABASE"):
            problems += check_database(url, "IGNY8_DATABASE")
        if bootstrap := stack.environment.get("IGNY8_KAFKA"):
            problems += check_broker(bootstrap)
        return problems
    problems += check_database(state["admin_database"], "the embedded PostgreSQL or IGNY8_DATABASE")
    problems += check_broker(state["kafka"])
    for service in stack.services():
        problems += check_service(service, stack)
    return problems


def check_python() -> Iterator[Problem]:
    """The interpreter is new enough."""
    if sys.version_info[:2] < MINIMUM_PYTHON:
        yield Problem(
            "wrong-python",
            f"this is Python {sys.version.split()[0]}, 3.11 or newer is needed",
            "install it, then PYTHON=python3.11 ./igny8 up",
        )


def check_lock(lock: Path) -> Iterator[Problem]:
    """What is installed is what the lock file says."""
    if not lock.exists():
        return
    locked: dict[str, set[str]] = {}
    for package in tomllib.loads(lock.read_text())["package"]:
        locked.setdefault(package["name"], set()).add(package.get("version", ""))
    drifted = []
    for name, versions in locked.items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            continue  # for another platform, or a tool of the tests
        if installed not in versions:
            drifted.append(f"{name} {installed} instead of {' or '.join(sorted(versions))}")
    if drifted:
        yield Problem(
            "lock-drift",
            f"installed packages differ from {lock.name}: {', '.join(drifted[:5])}",
            "remove .venv and run ./igny8 again",
        )


def check_data_directory(
    data_dir: Path, free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
) -> Iterator[Problem]:
    """There is room, and we may write."""
    existing = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    if not existing.is_dir():
        yield Problem(
            "data-dir-not-writable", f"{existing} is a file", "choose another place with --data-dir"
        )
        return
    try:
        probe = existing / ".igny8-write-probe"
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
    except OSError as error:
        yield Problem(
            "data-dir-not-writable",
            f"cannot write to {existing}: {error.strerror}",
            "make it writable for this user, or choose another place with --data-dir",
        )
    left = free(existing)
    if left < LOW_DISK_BYTES:
        yield Problem(
            "disk-full" if left < LOW_DISK_BYTES / 10 else "disk-low",
            f"{left / 1e6:.0f} MB are free on the disk of {existing}",
            f"free at least {LOW_DISK_BYTES / 1e6:.0f} MB, or move the data with --data-dir",
        )


def check_leftovers(stack: Stack) -> Iterator[Problem]:
    """The last stop was an orderly one."""
    left = stack.layout.read_state()
    if left is not None:
        yield Problem(
            "unclean-stop",
            f"{stack.layout.state} names a supervisor (pid {left.get('pid')}) that is gone",
            "./igny8 up recovers the data; ./igny8 down only clears the file",
        )


def check_ports(ports: Mapping[str, int]) -> Iterator[Problem]:
    """Every port is free; to be asked when the stack is down."""
    for service, port in ports.items():
        if taken := port_taken(port):
            yield Problem(
                "port-taken",
                f"port {port} ({service}) is taken by {taken}",
                "stop it, or choose other ports with --port or IGNY8_PORT",
            )


def check_database(url: str, name: str, now: Callable[[], float] = time.time) -> Iterator[Problem]:
    """The server answers, and its clock agrees with ours."""
    try:
        with psycopg.connect(url, connect_timeout=int(_TIMEOUT)) as connection:
            row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float").fetchone()
    except psycopg.Error as error:
        yield Problem(
            "database-away",
            f"no answer from the database at {without_password(url)}: {str(error).strip().splitlines()[0]}",
            f"check {name}; for the embedded one see ./igny8 logs postgres",
        )
        return
    assert row is not None
    skew = row[0] - now()
    if abs(skew) > CLOCK_SKEW_SECONDS:
        yield Problem(
            "clock-skew",
            f"the database's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's",
            "synchronise both with NTP: schedules and tokens go by them",
        )


def check_broker(bootstrap: str) -> Iterator[Problem]:
    """One of the broker's addresses accepts connections."""
    reasons = []
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_TIMEOUT).close()
        except (OSError, ValueError) as error:
            reasons.append(f"{address}: {error}")
        else:
            return
    yield Problem(
        "broker-away",
        f"no answer from Kafka at {'; '.join(reasons)}",
        "check IGNY8_KAFKA; for the embedded one see ./igny8 logs broker",
    )


def check_ai_endpoint(environment: Mapping[str, str]) -> Iterator[Problem]:
    """The AI endpoint answers, where one is set; its opinion of the key counts, its list of models does not."""
    base = environment.get("IGNY8_AI_BASE_URL")
    if not base:
        return
    try:
        request = urllib.request.Request(f"{base.rstrip('/')}/models")
        if key := environment.get("IGNY8_AI_KEY"):
            request.add_header("Authorization", f"Bearer {key}")
        urllib.request.urlopen(request, timeout=_TIMEOUT).close()
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            yield Problem("ai-refused", f"{base} answers {error.code}", "check IGNY8_AI_KEY")
        elif error.code >= 500:
            yield Problem("ai-unreachable", f"{base} answers {error.code}", "ask whoever runs the endpoint")
    except (OSError, ValueError, http.client.HTTPException) as error:
        yield Problem(
            "ai-unreachable",
            f"no answer from {base}: {error}",
            "check IGNY8_AI_BASE_URL, or unset it to work with the local provider",
        )


def check_service(service: ServiceStatus, stack: Stack) -> Iterator[Problem]:
    """The service runs, and its checks are green."""
    if service.pid is None or service.checks == {}:
        tail = " | ".join(last_lines(stack.layout.log(service.name), 3))
        yield Problem(
            "service-down",
            f"{service.name} at {service.url}: {service.complaint or 'not running'}; it wrote last: {tail}",
            f"see ./igny8 logs {service.name}; it is started again by itself",
        )
        return
    red = {name: check for name, check in service.checks.items() if not check.get("ok")}
    if "migrations" in red:
        yield Problem(
            "migrations-behind",
            f"the database of {service.name}: {_detail(red, 'migrations')}",
            "./igny8 down, then ./igny8 up --migrate",
        )
    if "database" in red:
        yield Problem(
            "database-away",
            f"{service.name} does not reach its database: {_detail(red, 'database')}",
            f"see ./igny8 logs postgres and ./igny8 logs {service.name}",
        )
    if "broker" in red:
        yield Problem(
            "broker-away",
            f"{service.name} does not reach Kafka: {_detail(red, 'broker')}",
            f"see ./igny8 logs broker and ./igny8 logs {service.name}",
        )
    age = service.outbox_age_seconds
    if "relay" in red or (age is not None and age > OLD_OUTBOX_SECONDS):
        waiting = "an unknown time" if age is None else f"{age:.0f} s"
        yield Problem(
            "relay-stuck",
            f"events of {service.name} have waited {waiting} for their way to Kafka. {_detail(red, 'relay')}".strip(),
            f"see ./igny8 logs {service.name}; if Kafka refuses an event, ./igny8 dlq list --service {service.name}",
        )
    if "consumer" in red or (service.lag is not None and service.lag > LONG_LAG):
        yield Problem(
            "consumer-lagging",
            f"{service.name} is {service.lag} messages behind. {_detail(red, 'consumer')}".strip(),
            f"wait while it catches up; if the number does not fall, see ./igny8 logs {service.name}",
        )
    for name in red.keys() - {"migrations", "database", "broker", "relay", "consumer"}:
        yield Problem(
            f"{name}-red",
            f"{service.name}: {_detail(red, name)}",
            f"see ./igny8 logs {service.name}",
        )


def _detail(red: Mapping[str, Mapping[str, Any]], name: str) -> str:
    return str(red.get(name, {}).get("detail", ""))
