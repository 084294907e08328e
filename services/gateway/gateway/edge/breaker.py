"""A circuit breaker: a service that fails again and again is left alone for a moment, and callers hear so at once."""

from time import monotonic

FAILURES = 5
"""In a row. A restart breaks a few requests off; a service that is away fails all of them."""
OPEN_SECONDS = 1.0
"""Then one request tries. Longer would keep a service that is back from its callers."""


class Breaker:
    """Of one service. Only failures to get any answer count, not what it answers."""

    def __init__(self) -> None:
        self._failures = 0
        self._open_until = 0.0

    def wait_seconds(self) -> float:
        """Seconds until a request may try, 0 for now. Who gets 0 from an open breaker is the one that tries."""
        if self._failures < FAILURES:
            return 0.0
        now = monotonic()
        if now < self._open_until:
            return self._open_until - now
        self._open_until = now + OPEN_SECONDS  # the others wait for what becomes of this one
        return 0.0

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1
        if self._failures >= FAILURES:
            self._open_until = monotonic() + OPEN_SECONDS
