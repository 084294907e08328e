"""Work that would block the event loop: run one at a time in a lazily started child process.

The child is a bare interpreter that speaks pickled frames over its standard input and output. A process pool would
import the service's main module a second time in it, and could not stop a running call.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import pickle
import select
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

IDLE_SECONDS = 60
"""Without work for so long the child ends and gives back its memory (about 150 MB after clustering)."""
_LENGTH = struct.Struct(">Q")
_PR_SET_PDEATHSIG = 1


class ChildLost(Exception):
    """The child process ended twice in the middle of the same call."""


class CpuChild:
    """One child process for CPU-bound functions; calls queue up behind each other."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is none."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process else None

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """`function(*args, **kwargs)` in the child; function and values must pickle.

        Raises what the function raises, and ChildLost. A cancelled call stops the child's work at once.
        """
        frame = pickle.dumps((function, args, kwargs))
        async with self._turn:
            for _ in range(2):  # a child may have been killed, or have ended idle just now
                try:
                    succeeded, value = await self._exchange(frame)
                    break
                except (ConnectionError, asyncio.IncompleteReadError):
                    await self._stop()
                except BaseException:
                    # An answer that nobody reads any more would be taken for the next call's.
                    await asyncio.shield(self._stop())
                    raise
            else:
                raise ChildLost(f"the child process ended while it ran {function.__qualname__}")
        if succeeded:
            return value  # type: ignore[no-any-return]  # it came through a pipe
        raise value

    async def close(self) -> None:
        """End the child."""
        async with self._turn:
            await self._stop()

    async def _exchange(self, frame: bytes) -> tuple[bool, Any]:
        process = await self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(_LENGTH.pack(len(frame)) + frame)
        await process.stdin.drain()
        (length,) = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))
        answer: tuple[bool, Any] = pickle.loads(await process.stdout.readexactly(length))  # noqa: S301 - our own child
        return answer

    async def _start(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            command = f"from common.ai.cpu import serve; serve({os.getpid()}, {self._idle_seconds})"
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        return self._process

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def serve(parent: int, idle_seconds: float) -> None:
    """The child's side: answer frames until the parent is gone or silent for `idle_seconds`."""
    _die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a print in a library must not end up between the frames
    while (frame := _read_frame(source, idle_seconds)) is not None:
        try:
            function, args, kwargs = pickle.loads(frame)  # noqa: S301 - from our own parent
            answer = pickle.dumps((True, function(*args, **kwargs)))
        except Exception as error:
            answer = pickle.dumps((False, error))
        try:
            sink.write(_LENGTH.pack(len(answer)) + answer)
            sink.flush()
        except BrokenPipeError:
            return


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it was watched
        os._exit(0)


def _read_frame(source: BinaryIO, idle_seconds: float) -> bytes | None:
    if not select.select([source], [], [], idle_seconds)[0]:
        return None
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    body = source.read(length)
    return body if len(body) == length else None
