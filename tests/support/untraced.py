"""Python code whose lines coverage does not count: for what is measured in time or memory, or does the same very often."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def environment() -> Mapping[str, str]:
    """Ours, without what would have coverage trace a child process."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def numbers(code: str, *arguments: str) -> list[float]:
    """What the code prints; it can import the tests. Raises CalledProcessError where it fails."""
    command = (sys.executable, "-c", code, *arguments)
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment(), cwd=REPOSITORY
    )
    return [float(word) for word in done.stdout.split()]


@contextmanager
def here() -> Iterator[None]:
    """The same in this thread: what is called in here takes half the time."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)
