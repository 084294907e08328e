"""The secret store: a port, and its default in a PostgreSQL database of its own (ARCHITECTURE §9).

Events and replicas carry a `SecretRef`; whoever makes the outside call resolves it then.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Protocol
from uuid import UUID

import psycopg

from common.contracts.gateway import SecretRef
from common.crypto import DataKey, MasterKey, Undecryptable
from common.ids import new_id
from common.settings import Settings

KEY_CACHE_SECONDS = 60.0
"""An erased account's data key is forgotten by every process after this long."""
CONNECT_SECONDS = 5
MOST_CONNECTIONS = 8
"""Of one process: hundreds who sign in at once each need their account's key, and a server has about a hundred for all."""


class SecretMissing(Exception):
    """No such secret of that account: never made, of another account, or erased."""


class SecretStore(Protocol):
    """Where secrets are; a KMS or a vault can stand behind it."""

    async def put(self, account_id: UUID, plaintext: str, secret_id: UUID | None = None) -> SecretRef:
        """Keep a secret; with `secret_id` as its next version. Raises `SecretMissing` for an erased account."""

    async def get(self, account_id: UUID, ref: SecretRef) -> str:
        """The plaintext; raises `SecretMissing`."""

    async def data_key(self, account_id: UUID) -> DataKey:
        """The account's data key, made at first use; raises `SecretMissing` for an erased account."""

    async def erase(self, account_id: UUID) -> None:
        """Delete the account's data key and secrets for good."""


def open_secrets(settings: Settings) -> SecretStore:
    """The store of the configuration; raises `MasterKeyInvalid` when a master key is set but unusable."""
    key = settings.master_key.get_secret_value()
    return PostgresSecrets(settings.secrets_database, MasterKey.parse(key) if key else None)


class PostgresSecrets:
    """The default store. A connection per call: calls are rare, and none is held while nobody needs one."""

    def __init__(self, url: str, master_key: MasterKey | None) -> None:
        self._url = url
        self._given_key = master_key
        self._cache: dict[UUID, tuple[float, DataKey]] = {}
        self._room = asyncio.Semaphore(MOST_CONNECTIONS)

    @property
    def _master(self) -> MasterKey:
        if self._given_key is None:
            raise SecretMissing("there is no master key: set IGNY8_MASTER_KEY")
        return self._given_key

    @asynccontextmanager
    async def _tenant(self, account_id: UUID) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        async with (
            self._room,
            await psycopg.AsyncConnection.connect(
                self._url, connect_timeout=CONNECT_SECONDS, options="-c statement_timeout=10s"
            ) as connection,
        ):
            await connection.execute("SELECT set_config('app.account_id', %s, true)", (str(account_id),))
            yield connection

    async def data_key(self, account_id: UUID) -> DataKey:
        cached = self._cache.get(account_id)
        if cached is None or cached[0] < monotonic():
            async with self._tenant(account_id) as connection:
                key = await self._key(connection, account_id)
            cached = self._cache[account_id] = (monotonic() + KEY_CACHE_SECONDS, key)
        return cached[1]

    async def put(self, account_id: UUID, plaintext: str, secret_id: UUID | None = None) -> SecretRef:
        id = secret_id or new_id()
        async with self._tenant(account_id) as connection:
            key = await self._key(connection, account_id)
            # The row of the data key is locked: two writers of one secret get two versions.
            await connection.execute("SELECT FROM data_keys WHERE account_id = %s FOR UPDATE", (account_id,))
            cursor = await connection.execute(
                "SELECT coalesce(max(version), 0) + 1 FROM secrets WHERE secret_id = %s", (id,)
            )
            row = await cursor.fetchone()
            assert row is not None
            ref = SecretRef(secret_id=id, version=row[0])
            await connection.execute(
                "INSERT INTO secrets (account_id, secret_id, version, sealed) VALUES (%s, %s, %s, %s)",
                (account_id, id, ref.version, key.seal(plaintext.encode(), _place(ref))),
            )
        return ref

    async def get(self, account_id: UUID, ref: SecretRef) -> str:
        async with self._tenant(account_id) as connection:
            cursor = await connection.execute(
                "SELECT k.wrapped, s.sealed FROM secrets s JOIN data_keys k USING (account_id)"
                " WHERE s.account_id = %s AND s.secret_id = %s AND s.version = %s AND k.wrapped IS NOT NULL",
                (account_id, ref.secret_id, ref.version),
            )
            row = await cursor.fetchone()
        if row is None:
            raise SecretMissing(f"account {account_id} has no secret {ref.secret_id} version {ref.version}")
        try:
            return self._master.unwrap(account_id, row[0]).open(row[1], _place(ref)).decode()
        except Undecryptable as error:
            raise SecretMissing(f"secret {ref.secret_id} cannot be read with this master key") from error

    async def erase(self, account_id: UUID) -> None:
        async with self._tenant(account_id) as connection:
            await connection.execute("DELETE FROM secrets WHERE account_id = %s", (account_id,))
            await connection.execute(
                "UPDATE data_keys SET wrapped = NULL, erased_at = now() WHERE account_id = %s", (account_id,)
            )
        self._cache.pop(account_id, None)

    async def _key(self, connection: psycopg.AsyncConnection[Any], account_id: UUID) -> DataKey:
        select = "SELECT wrapped FROM data_keys WHERE account_id = %s"
        row = await (await connection.execute(select, (account_id,))).fetchone()
        if row is None:
            _, wrapped = self._master.new_data_key(account_id)
            await connection.execute(
                "INSERT INTO data_keys (account_id, wrapped, master_key_id) VALUES (%s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                (account_id, wrapped, self._master.id),
            )
            row = await (await connection.execute(select, (account_id,))).fetchone()
            assert row is not None
        if row[0] is None:
            raise SecretMissing(f"account {account_id} was erased")
        try:
            return self._master.unwrap(account_id, row[0])
        except Undecryptable as error:
            raise SecretMissing(f"the data key of {account_id} is wrapped by another master key") from error


def _place(ref: SecretRef) -> str:
    return f"secret {ref.secret_id} {ref.version}"
