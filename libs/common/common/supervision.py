"""Background loops that cannot die silently: each has a heartbeat, is restarted with back-off and shows in `/readyz`."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import structlog

log = structlog.get_logger()

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
STEADY_AFTER_SECONDS = 10.0
"""A loop that ran this long before it failed starts again without the pause its earlier failures had earned."""
SILENT_AFTER_SECONDS = 10.0
REPLACED_AFTER_SECONDS = 45.0
"""What gives no sign of life for longer than any wait of its own (a relay's send has 30 s) hangs and is replaced."""
PARTING_SECONDS = 5.0
"""How long what hangs may take to end before the next one begins beside it."""


class Hangs(Exception):
    """A loop gave no sign of life for too long."""


class Loop:
    """One supervised loop. `run` gets this object and calls `beat()` at every turn."""

    def __init__(self, name: str, run: Callable[["Loop"], Awaitable[None]]) -> None:
        self.name = name
        self._run = run
        self._last_beat = monotonic()
        self.error = ""
        self.restarts = 0
        self.task: asyncio.Task[None] | None = None

    def beat(self) -> None:
        """It is alive and well."""
        self._last_beat = monotonic()
        self.error = ""

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

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def _supervise(self) -> None:
        pause = FIRST_PAUSE
        while True:
            started = monotonic()
            try:
                await self._until_it_hangs()
                self.error = "ended by itself"
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

    async def _until_it_hangs(self) -> None:
        """Run once. Raises `Hangs` when the heartbeat stops; what hung is told to end and not waited for long."""
        self._last_beat = monotonic()
        run = asyncio.ensure_future(self._run(self))
        try:
            while True:
                silence = REPLACED_AFTER_SECONDS - (monotonic() - self._last_beat)
                if silence <= 0:
                    raise Hangs(f"no sign of life for {REPLACED_AFTER_SECONDS:.0f} s")
                done, _ = await asyncio.wait({run}, timeout=silence)
                if done:
                    return run.result()
        except Hangs:
            run.cancel()
            await asyncio.wait({run}, timeout=PARTING_SECONDS)
            raise
        except asyncio.CancelledError:
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            raise
