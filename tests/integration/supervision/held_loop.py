"""A loop whose failure stays to be seen: between two lives there may be less time than a look takes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from common.supervision import Loop, comes


class HeldLoop(Loop):
    """A supervised loop that can be kept from beginning its next life."""

    def __init__(self, name: str, run: Callable[[Loop], Awaitable[None]]) -> None:
        super().__init__(name, self._when_free)
        self._work = run
        self._free = asyncio.Event()
        self._free.set()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """What ends in here does not begin again before the context is left, and says until then why it ended."""
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()

    async def _when_free(self, loop: Loop) -> None:
        while not await comes(self._free, 0.1):
            loop.beat(self.error)
        await self._work(loop)
