"""What becomes of an address that sends one credential after another that is none.

Only failures count. Once an address has as many as a minute allows, what has counted here before goes on as if nothing
were, and everything else is refused before anything is computed or looked up for it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import blake2b

from common.api.errors import ApiError

from gateway.edge.callers import MOST_CACHED
from gateway.edge.limits import Limits


class Doubts:
    """Remembers by their hashes the last credentials that counted, and counts the others by address."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._counted: dict[bytes, None] = {}

    @asynccontextmanager
    async def examining(self, credential: str, address: str) -> AsyncIterator[None]:
        """Around finding out whose credential it is. Raises 429; who sends none is not counted."""
        if not credential:
            yield
            return
        digest = blake2b(credential.encode(), digest_size=16).digest()
        if digest not in self._counted:
            await self._limits.require_trusted(address)
        try:
            yield
        except ApiError as error:
            if error.status == 401:
                self._counted.pop(digest, None)
                await self._limits.count_failed(address)
            raise
        if digest not in self._counted:
            if len(self._counted) >= MOST_CACHED:
                del self._counted[next(iter(self._counted))]
            self._counted[digest] = None
