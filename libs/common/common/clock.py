"""The one clock of a service: its database's. Its replicas' own clocks may differ as they like and they decide alike."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from common.database import Sql

MOST_SKEW_SECONDS = 30.0
"""More than this between machine and database needs a person: the logs' times mislead, certificates seem to have ended."""
LONGEST_READING_SECONDS = 1.0
"""An answer that took longer says too little about the moment it was given in."""


class DatabaseClock:
    """Goes on from the database's time at the last reading, by a clock that nobody can set.

    Before the first reading it is the machine's clock; `own` is that clock, in seconds since 1970.
    """

    def __init__(self, own: Callable[[], float] = time.time) -> None:
        self._own = own
        self._ahead: float | None = None
        """How far the database's time is ahead of `time.monotonic`."""
        self.known = asyncio.Event()
        """Set at the first reading."""

    def __call__(self) -> float:
        """Seconds since 1970."""
        return self._own() if self._ahead is None else time.monotonic() + self._ahead

    def now(self) -> datetime:
        return datetime.fromtimestamp(self(), UTC)

    async def read(self, sql: Sql) -> None:
        """Ask the database; `sql` must have its connection already."""
        asked = time.monotonic()
        seconds = float(await sql.scalar("SELECT extract(epoch FROM clock_timestamp())"))
        answered = time.monotonic()
        if self._ahead is None or answered - asked < LONGEST_READING_SECONDS:
            self._ahead = seconds - (asked + answered) / 2
            self.known.set()

    @property
    def skew(self) -> float:
        """Seconds that the machine's clock is ahead of the database's; 0 before the first reading."""
        return self._own() - self()
