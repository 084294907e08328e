"""Causal reads: a request that knows of version n waits until the replica has come that far."""

import asyncio
from time import monotonic
from uuid import UUID

from common.api.errors import ApiError
from common.database import Database
from common.replicas.accounts import account_version
from common.supervision import comes

LONGEST_WAIT_SECONDS = 2.0
POLL_SECONDS = 0.05
"""Another replica of this service may have taken the event: the database is asked again at least this often."""


class ReplicaWaiter:
    """Remembers the highest version seen of each account; a waiter holds no connection while it waits."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: dict[UUID, int] = {}
        self._advanced = asyncio.Event()

    def advanced(self) -> None:
        """Called after each batch the consumer took."""
        self._advanced.set()
        self._advanced = asyncio.Event()

    async def wait_for(self, account_id: UUID, version: int) -> None:
        """Return when the replica is at `version`; raises 503 with Retry-After after two seconds."""
        deadline = monotonic() + LONGEST_WAIT_SECONDS
        while self._seen.get(account_id, 0) < version:
            advanced = self._advanced
            async with self._database.transaction(account_id) as tx:
                self._seen[account_id] = await account_version(tx)
            if self._seen[account_id] >= version:
                return
            if monotonic() > deadline:
                raise ApiError(
                    "REPLICA_BEHIND",
                    "This service has not yet heard of your latest account change. Try again in a moment.",
                    status=503,
                    headers={"Retry-After": "1"},
                )
            await comes(advanced, POLL_SECONDS)
