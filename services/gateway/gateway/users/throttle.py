"""Limits on guessing passwords and on having mails sent: per address, and per e-mail whatever the address."""

import time
from collections.abc import Callable
from uuid import UUID

from common.api.errors import ApiError
from limits import RateLimitItemPerHour, RateLimitItemPerMinute

from gateway.windows import Window, Windows, network_of

PER_ADDRESS = RateLimitItemPerMinute(10)
"""Also where the operator has raised the limits of the API."""
FAILURES_PER_EMAIL = RateLimitItemPerMinute(10, 15)
"""Ten wrong passwords lock an e-mail's login for up to 15 minutes: hopeless to guess, bearable for who forgot."""

RESETS_PER_EMAIL = RateLimitItemPerHour(5)
"""Mails that somebody else can have sent to one mailbox."""
INVITATIONS_PER_EMAIL = RateLimitItemPerHour(3)
"""Of one account: the first, one that was lost, and one that went to the wrong folder."""


class LoginThrottle:
    """`store` and `clock` as in `Windows`."""

    def __init__(self, store: str = "", clock: Callable[[], float] = time.time) -> None:
        self._windows = Windows(store, exact=True, clock=clock)

    async def attempt(self, address: str, email_index: str) -> None:
        """Count an attempt; raises 429 with Retry-After."""
        _require(await self._windows.hit(PER_ADDRESS, "login", network_of(address)))
        await self.require_open(email_index)

    async def require_open(self, email_index: str) -> None:
        """Raises 429 for an e-mail whose login is locked. Who has waited asks again: others have failed meanwhile."""
        _require(await self._windows.look(FAILURES_PER_EMAIL, "failed", email_index))

    async def ask_reset(self, address: str, email_index: str) -> None:
        """Count a wish for a reset mail; raises 429 with Retry-After, registered or not."""
        _require(await self._windows.hit(PER_ADDRESS, "login", network_of(address)))
        _require(await self._windows.hit(RESETS_PER_EMAIL, "reset", email_index))

    async def invite(self, account_id: UUID, email_index: str) -> None:
        """Count a mail with an invitation; raises 429 with Retry-After."""
        _require(await self._windows.hit(INVITATIONS_PER_EMAIL, "invitation", str(account_id), email_index))

    async def forgive(self, email_index: str) -> None:
        """Who reads the mailbox has proved more than a password: earlier guesses lock nobody out."""
        await self._windows.clear(FAILURES_PER_EMAIL, "failed", email_index)

    async def failed(self, email_index: str) -> None:
        await self._windows.hit(FAILURES_PER_EMAIL, "failed", email_index)


def _require(window: Window) -> None:
    if not window.allowed:
        raise ApiError(
            "RATE_LIMITED",
            f"Too many attempts. Try again in {window.reset_seconds} seconds.",
            status=429,
            headers={"Retry-After": str(window.reset_seconds)},
        )
