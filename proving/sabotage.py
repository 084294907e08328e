"""Planted defects: one at a time is put into a copy of the code, and the test that is named for it has to fail there.

What counts is an assertion that fails. A defect that only keeps the code from being imported, or makes a test hang,
proves nothing about the test.
"""

import asyncio
import json
import os
import random
import signal
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from proving.copies import Copy, OutdatedText
from proving.defects import Defect
from proving.outcome import Outcome

LIMIT_SECONDS = 120.0
"""A test that fails does so within half a minute; the limit is for what hangs."""
DEADLINE = "30"
"""Seconds that a test waits for what a defect may keep from ever coming (tests/parts/ports.py)."""
GRACE_SECONDS = 15.0
"""A pytest that is interrupted ends its servers first."""


class Unusable(Exception):
    """pytest does not get as far as running the tests."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a defect was caught; `reason` says why not."""

    defect: Defect
    failed: int
    seconds: float
    reason: str = ""

    @property
    def caught(self) -> bool:
        return not self.reason

    @property
    def outcome(self) -> Outcome:
        """The value is the number of tests (of a parametrized one: cases) that failed by an assertion."""
        failed = float(self.failed)
        return Outcome(self.defect.name, failed, failed, failed, "≥ 1", self.caught)


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a pytest ended: its exit code (None when it hung), what its witness saw and what it said."""

    code: int | None
    seen: list[dict[str, Any]]
    said: str


Heard = Callable[[Verdict], None]


def sample(defects: Sequence[Defect], size: int, seed: int) -> list[Defect]:
    """`size` of the defects, the same for the same seed."""
    return random.Random(seed).sample(list(defects), min(size, len(defects)))


async def plant(
    defects: Sequence[Defect], *, workers: int, started: Callable[[str], None], heard: Heard
) -> list[Verdict]:
    """Plant all defects, `workers` at a time in a copy each. Raises `NotIsolated`, or `Unusable` for an unknown test."""
    with tempfile.TemporaryDirectory(prefix="igny8-prove-") as directory:
        started("copying the checkout")
        first = await asyncio.to_thread(Copy.make, Path(directory) / "0")
        started("the tests without any defect")
        sound = await _sound(first, {defect.test for defect in defects}, workers)
        copies = [first, *(first.again(Path(directory) / str(n)) for n in range(1, workers))]
        waiting, verdicts = list(reversed(defects)), list[Verdict]()

        async def work(copy: Copy) -> None:
            while waiting:
                defect = waiting.pop()
                started(defect.name)
                verdict = await _try(copy, defect, sound=defect.test in sound)
                verdicts.append(verdict)
                heard(verdict)

        async with asyncio.TaskGroup() as group:
            for copy in copies:
                group.create_task(work(copy))
    order = {defect.name: number for number, defect in enumerate(defects)}
    return sorted(verdicts, key=lambda verdict: order[verdict.defect.name])


async def _sound(copy: Copy, tests: Iterable[str], workers: int) -> set[str]:
    """Those of the tests that pass while nothing is broken. Raises `Unusable`."""
    tests = sorted(tests)
    spread = ("-n", str(workers), "--dist", "loadscope", "--no-loadscope-reorder") if workers > 1 else ()
    ended = await _pytest(copy, [*spread, *tests], limit=LIMIT_SECONDS * 4)
    if ended.code not in (0, 1):
        alone = await _pytest(
            copy, ["--collect-only", "-q", *tests], limit=LIMIT_SECONDS
        )  # xdist says no reason
        raise Unusable(f"the tests cannot be run:\n{alone.said[-2000:]}")
    outcomes: dict[str, set[str]] = {test: set() for test in tests}
    for line in ended.seen:
        for test in tests:
            if line["test"] == test or line["test"].startswith(f"{test}["):
                outcomes[test].add(line["outcome"])
    return {test for test in tests if outcomes[test] == {"passed"}}


async def _try(copy: Copy, defect: Defect, *, sound: bool) -> Verdict:
    if not sound:
        return Verdict(defect, 0, 0.0, "its test does not pass without it")
    began = monotonic()
    try:
        with copy.replaced(defect.file, defect.old, defect.new):
            ended = await _pytest(copy, [defect.test], limit=LIMIT_SECONDS)
    except OutdatedText as error:
        return Verdict(defect, 0, 0.0, str(error))
    asserted = sum(1 for line in ended.seen if line["during"] == "call" and line["asserted"])
    return Verdict(defect, asserted, monotonic() - began, _why_not(ended, asserted))


def _why_not(ended: _Ended, asserted: int) -> str:
    """Empty when the defect was caught."""
    if ended.code is None:
        return f"its test did not end within {LIMIT_SECONDS:.0f} s"
    if ended.code == 0:
        return "it survived"
    if ended.code == 1 and asserted:
        return ""
    errors = sorted({line["error"] for line in ended.seen if line["error"]})
    return f"no assertion failed: {', '.join(errors) or f'pytest ended with {ended.code}'}"


async def _pytest(copy: Copy, arguments: Sequence[str], *, limit: float) -> _Ended:
    """Run pytest in the copy for at most `limit` seconds; it ends with us."""
    with tempfile.TemporaryFile() as output, tempfile.NamedTemporaryFile(dir=copy.root) as file:
        options = ("-q", "-p", "proving.witness", "--witness", file.name, "-p", "no:cacheprovider", "--tb=no")
        process = await asyncio.create_subprocess_exec(
            *(str(copy.python), "-m", "pytest", *options, *arguments),
            cwd=copy.root,
            env=_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(limit):
                code: int | None = await process.wait()
        except TimeoutError:
            code = None
        finally:
            await _end(process)
        seen = [json.loads(line) for line in Path(file.name).read_text().splitlines()]
        output.seek(0)
        return _Ended(code, seen, output.read().decode(errors="replace"))


def _environment() -> dict[str, str]:
    """Ours, but without what could lead Python, pytest or coverage of an outer run into the inner one."""
    outer = ("PYTHON", "PYTEST", "COVERAGE")
    ours = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
    return ours | {"IGNY8_PROVE_DEADLINE": DEADLINE}


async def _end(process: asyncio.subprocess.Process) -> None:
    """Interrupt it, so that its fixtures end what they started; then kill what is left of its group."""
    if process.returncode is None:
        process.send_signal(signal.SIGINT)
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
