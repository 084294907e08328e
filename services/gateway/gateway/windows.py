"""How much of something happened in the last minutes: in this process, or in a Redis or Valkey that all gateways share."""

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network
from time import monotonic
from typing import Any, TypeVar

import structlog
from limits import RateLimitItem
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter, RateLimiter, SlidingWindowCounterRateLimiter
from limits.errors import StorageError

log = structlog.get_logger()

T = TypeVar("T")

AWAY_SECONDS = 5.0
"""How long we count by ourselves before we ask a store that was away again."""
STORE_SECONDS = 0.5
"""A store in the same network answers within a millisecond; who waits longer makes every request wait."""
TIDY_SECONDS = 10.0


IPV6_PREFIX = 64
"""Bits. What one subscriber gets at least (RFC 6177): whoever has it has 2^64 addresses."""


def network_of(address: str) -> str:
    """Whom an address is counted as: itself, or the network of an IPv6 address; what is no address is itself too."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((found, IPV6_PREFIX), strict=False))


@dataclass(frozen=True, slots=True)
class Window:
    """`remaining` more are allowed; in `reset_seconds` it will be at least one more."""

    allowed: bool
    remaining: int
    reset_seconds: int


class Windows:
    """Counts. `store` is a redis:// or valkey:// URL, or empty: this process alone.

    `exact` remembers when each one came, for small limits; else two numbers for each key are enough, and at the edge of
    a minute a few more may pass. Where the store is away the gateway goes on with its own memory: limits then hold for
    each gateway by itself. `clock`, in seconds since 1970, is that of all gateways: their machines' clocks may differ.
    """

    def __init__(
        self, store: str = "", *, exact: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        strategy = MovingWindowRateLimiter if exact else SlidingWindowCounterRateLimiter
        self._own: RateLimiter = strategy(_Memory())
        self._shared: RateLimiter | None = strategy(_redis(store, clock)) if store else None
        self._away_until = 0.0

    async def hit(self, limit: RateLimitItem, *key: str) -> Window:
        """Count one, if it is allowed."""

        async def count(limiter: RateLimiter) -> Window:
            allowed = await limiter.hit(limit, *key)
            return await _window(limiter, limit, key, allowed=allowed)

        return await self._ask(count)

    async def look(self, limit: RateLimitItem, *key: str) -> Window:
        """Whether one more would be allowed."""

        async def look(limiter: RateLimiter) -> Window:
            allowed = await limiter.test(limit, *key)
            return await _window(limiter, limit, key, allowed=allowed)

        return await self._ask(look)

    async def clear(self, limit: RateLimitItem, *key: str) -> None:
        """Forget what was counted."""

        async def clear(limiter: RateLimiter) -> None:
            await limiter.clear(limit, *key)

        await self._ask(clear)

    async def _ask(self, work: Callable[[RateLimiter], Awaitable[T]]) -> T:
        if self._shared is not None and monotonic() >= self._away_until:
            was_away, self._away_until = self._away_until > 0, 0.0
            try:
                found = await work(self._shared)
            except StorageError as error:
                self._away_until = monotonic() + AWAY_SECONDS
                log.warning(
                    "rate_limit_store_away",
                    error=repr(error.storage_error),
                    counting="in this gateway's memory",
                )
            else:
                if was_away:
                    log.info("rate_limit_store_back")
                return found
        return await work(self._own)


async def _window(
    limiter: RateLimiter, limit: RateLimitItem, key: tuple[str, ...], *, allowed: bool
) -> Window:
    stats = await limiter.get_window_stats(limit, *key)
    reset = min(limit.get_expiry(), max(1, math.ceil(stats.reset_time - time.time())))
    return Window(allowed, stats.remaining, reset)


class _Redis(RedisStorage):
    """Remembers when each one came by a clock that all gateways share; the library takes its machine's."""

    bridge: Any
    clock: Callable[[], float]

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        keys = [self.bridge.prefixed_key(key)]
        return bool(await self.bridge.lua_acquire_moving_window(keys, [self.clock(), limit, expiry, amount]))

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the oldest of the window came, by this machine's clock, and how many it has."""
        now = self.clock()
        window = await self.bridge.lua_moving_window([self.bridge.prefixed_key(key)], [now - expiry, limit])
        return (float(window[0]) - now + time.time(), int(window[1])) if window else (time.time(), 0)


def _redis(url: str, clock: Callable[[], float]) -> RedisStorage:
    # Here, for a gateway without such a store does without its client's 20 MB.
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    # Both speak the same protocol, and the client of one does for both. It tries again once, for a connection that lay
    # in the pool may have ended; waiting longer and longer, as it would by itself, makes every request wait.
    storage = _Redis(
        f"async+{url.replace('valkey', 'redis', 1)}",
        wrap_exceptions=True,
        implementation="redispy",
        key_prefix="igny8-limits",
        socket_timeout=STORE_SECONDS,
        socket_connect_timeout=STORE_SECONDS,
        retry=Retry(NoBackoff(), 1),  # type: ignore[arg-type]  # handed on to the client
    )
    storage.clock = clock
    return storage


class _Memory(MemoryStorage):
    """Looks for counters that have ended now and then; the library looks through all of them at every hit."""

    def __init__(self) -> None:
        super().__init__()
        self._tidied = monotonic()

    async def _MemoryStorage__schedule_expiry(self) -> None:
        if monotonic() - self._tidied < TIDY_SECONDS:
            return
        self._tidied = monotonic()
        now = time.time()
        for key, entries in list(self.events.items()):
            self.events[key] = [entry for entry in entries if entry.expiry > now]
        ended = [key for key, ends in self.expirations.items() if ends <= now]
        for key in (*ended, *(key for key, entries in self.events.items() if not entries)):
            await self.clear(key)
