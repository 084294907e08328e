"""Limits on guessing passwords and on having mails sent: per address, and per e-mail whatever the address."""

import time

from common.api.errors import ApiError
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter

PER_ADDRESS = RateLimitItemPerMinute(10)
"""PRODUCT §8: class auth, 10 a minute per address."""
FAILURES_PER_EMAIL = RateLimitItemPerMinute(10, 15)
"""Ten wrong passwords lock an e-mail's login for up to 15 minutes: hopeless to guess, bearable for who forgot."""

RESETS_PER_EMAIL = RateLimitItemPerHour(5)
"""Mails that somebody else can have sent to one mailbox."""


class LoginThrottle:
    """In memory by default; a shared storage serves several gateways."""

    def __init__(self, storage: Storage | None = None) -> None:
        self._limiter = MovingWindowRateLimiter(storage or MemoryStorage())

    async def attempt(self, address: str, email_index: str) -> None:
        """Count an attempt; raises 429 with Retry-After."""
        if not await self._limiter.hit(PER_ADDRESS, "login", address):
            raise await self._refusal(PER_ADDRESS, "login", address)
        if not await self._limiter.test(FAILURES_PER_EMAIL, "failed", email_index):
            raise await self._refusal(FAILURES_PER_EMAIL, "failed", email_index)

    async def ask_reset(self, address: str, email_index: str) -> None:
        """Count a wish for a reset mail; raises 429 with Retry-After, registered or not."""
        if not await self._limiter.hit(PER_ADDRESS, "login", address):
            raise await self._refusal(PER_ADDRESS, "login", address)
        if not await self._limiter.hit(RESETS_PER_EMAIL, "reset", email_index):
            raise await self._refusal(RESETS_PER_EMAIL, "reset", email_index)

    async def forgive(self, email_index: str) -> None:
        """Who reads the mailbox has proved more than a password: earlier guesses lock nobody out."""
        await self._limiter.clear(FAILURES_PER_EMAIL, "failed", email_index)

    async def failed(self, email_index: str) -> None:
        await self._limiter.hit(FAILURES_PER_EMAIL, "failed", email_index)

    async def _refusal(self, limit: RateLimitItem, *key: str) -> ApiError:
        window = await self._limiter.get_window_stats(limit, *key)
        seconds = max(1, round(window.reset_time - time.time()))
        return ApiError(
            "RATE_LIMITED",
            f"Too many attempts. Try again in {seconds} seconds.",
            status=429,
            headers={"Retry-After": str(seconds)},
        )
