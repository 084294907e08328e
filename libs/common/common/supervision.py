"""Background loops that cannot die silently: each has a heartbeat, is restarted with back-off and shows in `/readyz`."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Protocol

import structlog

log = structlog.get_logger()

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
STEADY_AFTER_SECONDS = 10.0
"""A loop that ran this long before it failed starts again without the pause its earlier failures had earned."""
SILENT_AFTER_SECONDS = 8.0
"""`/readyz` is red from then on: within 10 s, also where a loop says for two more that it lives (messaging/consumer.py)."""
REPLACED_AFTER_SECONDS, LONGEST_PATIENCE = 45.0, 600.0
"""What gives no sign of life for longer than any wait of its own (a statement has 30 s) hangs and is replaced. What hangs
again at once gets twice the time: if it is only slow, it comes to its end."""
GRACE_SECONDS = 1.0
"""A process that stood still as a whole (SIGSTOP, a suspended machine) lets its loops go on before it judges them."""
PARTING_SECONDS = 5.0
"""How long what hangs may take to end before the next one begins beside it; and what is stopped, before it is told
again."""


async def comes(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, at most so long; whether it came. A cancellation always ends the wait."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


class Hangs(Exception):
    """A loop gave no sign of life for too long."""


class Beat(Protocol):
    """Says that a loop is alive, and with an `error` that it cannot do its work."""

    def __call__(self, error: str = "") -> None: ...


class Loop:
    """One supervised loop. `run` gets this object and calls `beat()` at every turn."""

    def __init__(self, name: str, run: Callable[["Loop"], Awaitable[None]]) -> None:
        self.name = name
        self._run = run
        self._last_beat = monotonic()
        self._stopped = False
        self.error = "not begun yet"
        self.restarts = 0
        self.task: asyncio.Task[None] | None = None

    def beat(self, error: str = "") -> None:
        """It is alive, and well when there is no `error`."""
        self._last_beat = monotonic()
        self.error = error

    @property
    def healthy(self) -> bool:
        ended = self.task is not None and self.task.done()
        return not self.error and not ended and monotonic() - self._last_beat < SILENT_AFTER_SECONDS

    @property
    def detail(self) -> str:
        if self.error:
            return self.error
        silent = monotonic() - self._last_beat
        return "running" if silent < SILENT_AFTER_SECONDS else f"no sign of life for {silent:.0f} s"

    def start(self) -> None:
        self.task = asyncio.create_task(self._supervise(), name=self.name)
        self.task.add_done_callback(self._supervisor_ended)

    async def stop(self) -> None:
        self._stopped = True
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    def _supervisor_ended(self, task: asyncio.Task[None]) -> None:
        """Nobody but `stop` ends the supervisor itself; where something did, it comes back too."""
        if not self._stopped:
            error = None if task.cancelled() else task.exception()
            log.error("supervisor_ended", loop=self.name, error=repr(error))
            asyncio.get_running_loop().call_later(FIRST_PAUSE, self._start_again)

    def _start_again(self) -> None:
        if not self._stopped:
            self.restarts += 1
            self.start()

    async def _supervise(self) -> None:
        pause, patience = FIRST_PAUSE, REPLACED_AFTER_SECONDS
        while True:
            started = monotonic()
            try:
                await self._until_it_hangs(patience)
                self.error = "ended by itself"
            except Hangs as hangs:
                self.error = str(hangs)
                log.warning("loop_hangs", loop=self.name, error=self.error)
                steady = monotonic() - started > patience + STEADY_AFTER_SECONDS
                patience = REPLACED_AFTER_SECONDS if steady else min(LONGEST_PATIENCE, patience * 2)
            except (Exception, asyncio.CancelledError) as error:
                # Something it waited for was cancelled, unless it is this very task that is asked to end.
                task = asyncio.current_task()
                if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                    raise
                self.error = f"{type(error).__name__}: {error}"
                log.warning("loop_failed", loop=self.name, error=self.error, exc_info=True)
            pause = FIRST_PAUSE if monotonic() - started > STEADY_AFTER_SECONDS else pause
            self.restarts += 1
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    async def _until_it_hangs(self, patience: float) -> None:
        """Run once. Raises `Hangs` when the heartbeat stops; what hung is told to end and not waited for long."""
        self._last_beat = monotonic()
        run = asyncio.ensure_future(self._run(self))
        try:
            while not run.done():
                last = self._last_beat
                await asyncio.wait({run}, timeout=patience - (monotonic() - last))
                if self._last_beat == last:
                    await asyncio.wait({run}, timeout=GRACE_SECONDS)
                    if not run.done() and self._last_beat == last:
                        raise Hangs(f"no sign of life for {monotonic() - last:.0f} s, replaced")
            return run.result()
        except Hangs:
            run.cancel()
            await asyncio.wait({run}, timeout=PARTING_SECONDS)
            raise
        except asyncio.CancelledError:
            while not run.done():  # a library may lose a cancellation that comes at the wrong moment
                run.cancel()
                await asyncio.wait({run}, timeout=PARTING_SECONDS)
            raise
