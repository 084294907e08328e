"""Stacks of stand-in services: the parts around them are the real ones."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from igny8_local.services import ServiceCommand
from igny8_local.stack import Stack

from tests.parts.ports import neighbouring_free_ports

HERE = Path(__file__).parent
NAMES = ("gateway", "planner")
UNTRACED = ("/usr/bin/env", "-u", "COVERAGE_PROCESS_CONFIG", "-u", "COVERAGE_PROCESS_START")
"""What runs the stand-ins: their own lines count for nothing, and loading coverage takes longer than they do."""


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
        port or neighbouring_free_ports(len(NAMES)),
        clean | (environment or {}),
        services=[
            ServiceCommand(name, (*UNTRACED, sys.executable, fake, name, *service_arguments))
            for name in NAMES
        ],
        migrate=(*UNTRACED, sys.executable, str(HERE / "fake_migrate.py"), *migrate_arguments),
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
