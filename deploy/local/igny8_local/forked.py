"""Modules run in forks of a process that has loaded the libraries of all services.

Each interpreter of its own would spend two seconds of processor time on the same imports, and keep 50 MB of them.
"""

import asyncio
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Mapping
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from setproctitle import setproctitle

from igny8_local.errors import StackError
from igny8_local.leash import tie

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["igny8_local.preloaded"])
_ATTEMPTS, _PAUSE = 3, 0.2
"""The process of the libraries may be ending just when it is asked."""


def prepare() -> None:
    """Begin to load the libraries, if nobody has; from the main thread, with which that process ends."""
    forkserver.ensure_running()


class Fork:
    """A running fork, with what `asyncio.subprocess.Process` offers of the same names."""

    def __init__(self, process: ForkServerProcess) -> None:
        assert process.pid is not None
        self.pid: int = process.pid
        self._process = process
        self._ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(process.sentinel, self._end)

    @classmethod
    async def start(
        cls, module: str, *arguments: str, environment: Mapping[str, str], directory: Path, output: int
    ) -> "Fork":
        """`python -m module` with its arguments, in a process group of its own; `output` is the descriptor it writes to.

        Raises StackError where the libraries cannot be loaded.
        """
        with Connection(os.dup(output), readable=False) as writes:
            told = (module, arguments, dict(environment), str(directory), writes)
            for attempt in range(1, _ATTEMPTS + 1):
                prepare()
                process = _context.Process(target=_become, args=told, daemon=True)
                try:
                    await asyncio.to_thread(process.start)  # the first one waits for the libraries
                except (EOFError, OSError) as error:
                    if attempt == _ATTEMPTS:
                        raise StackError(
                            f"{module} cannot be forked: {error!r}; see supervisor.log"
                        ) from error
                    await asyncio.sleep(_PAUSE)
                else:
                    break
        return cls(process)

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    async def wait(self) -> int:
        await self._ended.wait()
        code = self.returncode
        assert code is not None
        return code

    def send_signal(self, sent: signal.Signals) -> None:
        """Raises ProcessLookupError where it has ended."""
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, sent)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        self._process.join()
        self._ended.set()


def _become(
    module: str,
    arguments: tuple[str, ...],
    environment: Mapping[str, str],
    directory: str,
    output: Connection,
) -> None:
    from igny8_local.preloaded import PROCESS  # has been loaded where this runs

    os.setpgid(0, 0)
    tie(signal.SIGTERM, PROCESS)
    for descriptor in (sys.stdout.fileno(), sys.stderr.fileno()):
        os.dup2(output.fileno(), descriptor)
    output.close()
    sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr]  # the interpreter's own
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    setproctitle(" ".join(("igny8", module, *arguments)))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
