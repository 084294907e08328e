"""Free ports and waiting for a condition instead of sleeping."""

import asyncio
import os
import random
import socket
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")

# Often enough that a fast part is not held up, rare enough that waiting costs a small machine nothing.
INTERVAL = 0.05
DEADLINE = float(os.environ.get("IGNY8_PROVE_DEADLINE") or 90)
"""Seconds; a machine with other work on it takes its time. Where most waits are in vain, less will do: `prove --sabotage`."""


class DeadlineMissed(AssertionError):
    """The condition did not become true in time."""


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def neighbouring_free_ports(count: int) -> int:
    """The first of some free ports in a row, out of those that belong to this worker of the test run alone.

    They lie below those that the system hands out: there an outgoing connection could take the port of a service
    that restarts. At random, so that the stacks of one worker do not meet a port that still closes.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    lowest = 15_000 + 4_000 * (worker % 4)
    while True:
        first = random.randrange(lowest, lowest + 4_000 - count)
        if all(_is_free(first + number) for number in range(count)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def answers(port: int) -> bool:
    """Whether something accepts connections on this port of 127.0.0.1."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def wait_for(
    condition: Callable[[], T],
    deadline: float = DEADLINE,
    *,
    what: str = "the condition",
    interval: float = INTERVAL,
) -> T:
    """The first truthy value of `condition`, tried for `deadline` seconds, with `interval` seconds between two looks.

    Raises `DeadlineMissed` with the last value. An exception of the condition ends the wait.
    """
    end = time.monotonic() + deadline
    while not (value := condition()):
        if time.monotonic() > end:
            raise DeadlineMissed(f"{what} was not met within {deadline} s, last value {value!r}")
        time.sleep(interval)
    return value


@overload
async def eventually(
    condition: Callable[[], Awaitable[T]], deadline: float = ..., *, what: str = ...
) -> T: ...
@overload
async def eventually(condition: Callable[[], T], deadline: float = ..., *, what: str = ...) -> T: ...
async def eventually(
    condition: Callable[[], T | Awaitable[T]], deadline: float = DEADLINE, *, what: str = "the condition"
) -> T:
    """`wait_for` on the event loop; the condition may be a coroutine function."""
    end = time.monotonic() + deadline
    while True:
        outcome = condition()
        value = await outcome if isinstance(outcome, Awaitable) else outcome
        if value:
            return value
        if time.monotonic() > end:
            raise DeadlineMissed(f"{what} was not met within {deadline} s, last value {value!r}")
        await asyncio.sleep(INTERVAL)
