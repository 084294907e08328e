"""Who calls with an API key: the key becomes the identity that services trust."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from itertools import groupby
from time import monotonic
from uuid import UUID

from common.api.errors import unauthorized
from common.api.runtime import RuntimeOf
from common.auth.identity import Identity
from common.supervision import Loop

from gateway.api_keys.secret import START, hash_of, is_secret
from gateway.api_keys.views import Found, find_by_hash, used_at
from gateway.edge.callers import MOST_CACHED, Access

CACHE_SECONDS = 0.8
"""How long another gateway's revocation goes unseen here: with the time of a look-up it stays within a second."""
USES_SECONDS = 60.0
"""Between two notes of when keys were last used."""
ROLE = "system_bot"
"""What acts without a person (PRODUCT §1); the key's scopes narrow it."""


def presented_key(headers: Mapping[bytes, str]) -> str | None:
    """The API key of a request, also one that is none: who sends a key is not signed in by anything else."""
    if (given := headers.get(b"x-api-key")) is not None:
        return given.strip()
    scheme, _, credentials = headers.get(b"authorization", "").partition(" ")
    credentials = credentials.strip()
    if scheme.lower() == "api-key" or (scheme.lower() == "bearer" and credentials.startswith(START)):
        return credentials
    return None


class KeyCallers:
    """Knows the holders of API keys."""

    def __init__(self, runtime: RuntimeOf) -> None:
        self._runtime = runtime
        self._found: dict[str, tuple[float, Found]] = {}
        self._changes = 0
        self._uses: dict[tuple[UUID, UUID], datetime] = {}

    async def identify(self, secret: str, request_id: str) -> Identity:
        """The identity of a key's holder; raises 401."""
        found = await self._find(secret) if is_secret(secret) else None
        now = self._runtime.clock.now()
        if found is None or (found.ends_at is not None and found.ends_at <= now):
            raise unauthorized("This API key is unknown, expired or revoked.")
        self._uses[(found.account_id, found.api_key_id)] = now
        access = Access(ROLE, found.status, found.trial_ends_at, found.version, modules=found.modules)
        return Identity(
            account_id=found.account_id,
            api_key_id=found.api_key_id,
            role=ROLE,
            scopes=found.scopes,
            site_ids=found.site_ids,
            plan_status=access.plan_status(now),
            accounts_version=found.version,
            modules=access.modules_on,
            request_id=request_id,
        )

    def forget(self, account_id: UUID) -> None:
        """Something of the account has changed here: the next request reads it again."""
        self._changes += 1  # what is being read may be old already
        for secret in [each for each, (_, found) in self._found.items() if found.account_id == account_id]:
            del self._found[secret]

    async def write_uses(self) -> None:
        """Note when keys were last used; what cannot be written is kept for the next time."""
        uses, self._uses = self._uses, {}
        rows = [
            {"account_id": account_id, "api_key_id": api_key_id, "last_used_at": at}
            for (account_id, api_key_id), at in sorted(uses.items())
        ]
        try:
            for account_id, of_account in groupby(rows, key=lambda row: row["account_id"]):
                async with self._runtime.database.transaction(account_id) as tx:
                    await used_at(tx, list(of_account))
        except BaseException:
            self._uses = uses | self._uses
            raise

    async def write_uses_for_ever(self, loop: Loop) -> None:
        written = monotonic()
        while True:
            loop.beat()
            if monotonic() - written >= USES_SECONDS:
                await self.write_uses()
                written = monotonic()
            await asyncio.sleep(1)

    async def _find(self, secret: str) -> Found | None:
        now = monotonic()
        known = self._found.get(secret)
        if known is not None and known[0] > now:
            return known[1]
        changes = self._changes
        hash = await hash_of(self._runtime.secrets, secret)
        async with self._runtime.database.transaction(None) as tx:
            found = await find_by_hash(tx, hash)
        if found is not None and changes == self._changes:
            if len(self._found) >= MOST_CACHED:
                self._found.clear()
            self._found[secret] = (now + CACHE_SECONDS, found)
        return found
