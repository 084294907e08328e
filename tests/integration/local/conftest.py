"""Stacks of stand-in services: the parts around them are the real ones."""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
from igny8_local.services import ServiceCommand
from igny8_local.stack import Stack

HERE = Path(__file__).parent
NAMES = ("gateway", "planner")


class MakeStack(Protocol):
    def __call__(
        self,
        data_dir: Path | None = None,
        *,
        environment: dict[str, str] | None = None,
        service_arguments: tuple[str, ...] = (),
        migrate_arguments: tuple[str, ...] = (),
        port: int | None = None,
    ) -> Stack: ...


def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Returns once the condition holds; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)


def free_ports(count: int) -> int:
    """The first of so many free ports in a row."""
    for first in range(21_000 + os.getpid() % 5_000, 60_000, count):
        with ExitStack() as sockets:
            try:
                for port in range(first, first + count):
                    sockets.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("no free ports")


def build(
    data_dir: Path,
    environment: dict[str, str] | None,
    service_arguments: tuple[str, ...],
    migrate_arguments: tuple[str, ...],
    port: int | None,
) -> Stack:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("IGNY8_")}
    fake = str(HERE / "fake_service.py")
    return Stack(
        data_dir,
        port or free_ports(len(NAMES)),
        clean | (environment or {}),
        services=[ServiceCommand(name, (sys.executable, fake, name, *service_arguments)) for name in NAMES],
        migrate=(sys.executable, str(HERE / "fake_migrate.py"), *migrate_arguments),
    )


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[MakeStack]:
    """Builds stacks that are stopped after the test."""
    made: list[Stack] = []

    def make(
        data_dir: Path | None = None,
        *,
        environment: dict[str, str] | None = None,
        service_arguments: tuple[str, ...] = (),
        migrate_arguments: tuple[str, ...] = (),
        port: int | None = None,
    ) -> Stack:
        stack = build(data_dir or tmp_path / "data", environment, service_arguments, migrate_arguments, port)
        made.append(stack)
        return stack

    yield make
    for stack in reversed(made):
        stack.stop()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One running stack for the tests of a module."""
    running = build(tmp_path_factory.mktemp("shared") / "data", None, (), (), None)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    return eventually
