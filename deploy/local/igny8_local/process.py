"""One process under the supervisor: its start, its output, its end."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from igny8_local.forked import Fork
from igny8_local.leash import leash
from igny8_local.rotation import RotatingLog

_CHUNK = 65_536


class Child:
    """A running process whose output goes to a rotating log."""

    def __init__(self, process: asyncio.subprocess.Process | Fork, output: asyncio.Task[None]) -> None:
        self._process = process
        self._output = output
        self.expected_to_end = False

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        directory: Path,
        user: str | None = None,
        end_with_parent: signal.Signals = signal.SIGTERM,
    ) -> "Child":
        """Starts the command in a process group of its own; raises OSError where that fails."""

        def begin(output: int) -> Awaitable[asyncio.subprocess.Process]:
            return asyncio.create_subprocess_exec(
                *command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=directory,
                user=user,
                group=user,
                extra_groups=[] if user else None,
                process_group=0,
                preexec_fn=leash(end_with_parent),
            )

        return await cls._logged(log, begin)

    @classmethod
    async def fork(
        cls, module: str, *, log: Path, environment: Mapping[str, str], directory: Path
    ) -> "Child":
        """The same for a module of Python, without the time its libraries take; raises StackError where that fails."""
        return await cls._logged(
            log,
            lambda output: Fork.start(module, environment=environment, directory=directory, output=output),
        )

    @classmethod
    async def _logged(
        cls, log: Path, begin: Callable[[int], Awaitable[asyncio.subprocess.Process | Fork]]
    ) -> "Child":
        read, write = os.pipe()
        try:
            process = await begin(write)
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
        return cls(process, asyncio.create_task(_copy(read, RotatingLog(log))))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    async def wait(self) -> int:
        """Waits for the end of the process, then ends what it left behind in its group; the exit code."""
        code = await self._process.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(TimeoutError):  # a process that left the group may hold the pipe open
            async with asyncio.timeout(1):
                await asyncio.shield(self._output)
        self._output.cancel()
        return code

    async def stop(self, sent: signal.Signals = signal.SIGTERM, deadline: float = 10) -> None:
        """Asks the process to end, and kills it after the deadline (seconds)."""
        self.expected_to_end = True
        with suppress(ProcessLookupError):
            self._process.send_signal(sent)
        try:
            async with asyncio.timeout(deadline):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


async def _copy(descriptor: int, log: RotatingLog) -> None:
    reader = asyncio.StreamReader(limit=_CHUNK)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb")
    )
    try:
        while data := await reader.read(_CHUNK):
            with suppress(OSError):  # a full disk must not block the process on its own output
                log.write(data)
    finally:
        transport.close()
        log.close()
