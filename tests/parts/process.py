"""A program that a test starts: in a process group of its own, and gone when the test run is gone."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.parts.ports import DeadlineMissed, wait_for

# The guard waits for the end of its standard input. That comes when this process closes it or dies, by
# SIGKILL too, when no exit handler runs; then nothing may be left behind.
GUARD = 'read _; kill -s KILL -- "-$0"'


class PartFailed(RuntimeError):
    """A real part did not start; the message ends with what the program said."""


class Process:
    """A running program with its children.

    Its output goes to `log`. Raises `FileNotFoundError` when the program does not exist.
    """

    def __init__(
        self,
        command: list[str],
        log: Path,
        *,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._log = log
        self._name = Path(command[0]).name
        with log.open("ab") as output:
            self._program = subprocess.Popen(
                command,
                cwd=cwd,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._guard = subprocess.Popen(
            ["sh", "-c", GUARD, str(self.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._program.pid

    @property
    def running(self) -> bool:
        return self._program.poll() is None

    def output(self) -> str:
        """What the program said last, at most 4,000 characters."""
        return self._log.read_text(errors="replace")[-4000:]

    def wait_until(self, ready: Callable[[], bool], deadline: float) -> None:
        """Wait for `ready`; on failure end the program and raise `PartFailed` with its output."""
        try:
            wait_for(lambda: ready() or not self.running, deadline, what=f"start of {self._name}")
        except DeadlineMissed as missed:
            self.kill()
            raise PartFailed(f"{missed}\n{self.output()}") from missed
        if not self.running:
            self.kill()
            raise PartFailed(f"{self._name} ended with status {self._program.returncode}\n{self.output()}")

    def stop(self, grace: float = 15, *, by: signal.Signals = signal.SIGTERM) -> None:
        """Signal the whole group, and SIGKILL what is left of it after `grace` seconds."""
        if self.running:
            os.killpg(self.pid, by)
            with suppress(subprocess.TimeoutExpired):
                self._program.wait(grace)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the program and its children, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._program.wait()
        self._guard.kill()
        self._guard.communicate()


class Part:
    """What every real part shares: `with RealKafka() as kafka`."""

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
