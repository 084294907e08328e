"""The secret store: a port, and its default in a PostgreSQL database of its own (ARCHITECTURE §9).

Events and replicas carry a `SecretRef`; whoever makes the outside call resolves it then.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Protocol
from uuid import UUID

import psycopg
import structlog

from common.contracts.gateway import SecretRef
from common.crypto import DataKey, MasterKeyInvalid, MasterKeys, Undecryptable
from common.ids import new_id
from common.settings import Settings

log = structlog.get_logger()

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
    if settings.master_key_file is not None:
        return PostgresSecrets(settings.secrets_database, KeyFile(settings.master_key_file))
    text = settings.master_key.get_secret_value()
    return PostgresSecrets(settings.secrets_database, MasterKeys.parse(text) if text else None)


class KeyFile:
    """Master keys in a file, the one in force first: it is read again once it has changed, so rotation restarts nobody."""

    def __init__(self, path: Path) -> None:
        """Raises `MasterKeyInvalid`."""
        self._path = path
        self._read_of: tuple[int, int] = (0, 0)
        self._keys = self.keys()

    def keys(self) -> MasterKeys:
        """As they are now; a spoilt file leaves those that were read last. Raises `MasterKeyInvalid` at the first reading."""
        try:
            found = self._path.stat()
            if self._read_of != (found.st_mtime_ns, found.st_ino):
                self._keys = MasterKeys.parse(self._path.read_text())
                self._read_of = (found.st_mtime_ns, found.st_ino)
        except (OSError, MasterKeyInvalid) as error:
            if self._read_of == (0, 0):
                raise MasterKeyInvalid(f"{self._path} holds no master keys: {error}") from error
            log.warning("master_keys_unreadable", path=str(self._path), error=repr(error))
        return self._keys


class PostgresSecrets:
    """The default store. A connection per call: calls are rare, and none is held while nobody needs one."""

    def __init__(self, url: str, keys: MasterKeys | KeyFile | None) -> None:
        self._url = url
        self._given = keys
        self._cache: dict[UUID, tuple[float, DataKey]] = {}
        self._room = asyncio.Semaphore(MOST_CONNECTIONS)

    @property
    def _master(self) -> MasterKeys:
        if self._given is None:
            raise SecretMissing("there is no master key: set IGNY8_MASTER_KEY or IGNY8_MASTER_KEY_FILE")
        return self._given.keys() if isinstance(self._given, KeyFile) else self._given

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
            now = monotonic()
            for other in [id for id, (until, _) in self._cache.items() if until < now]:
                del self._cache[other]
            cached = self._cache[account_id] = (now + KEY_CACHE_SECONDS, key)
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
                "SELECT k.wrapped, k.master_key_id, s.sealed FROM secrets s JOIN data_keys k USING (account_id)"
                " WHERE s.account_id = %s AND s.secret_id = %s AND s.version = %s AND k.wrapped IS NOT NULL",
                (account_id, ref.secret_id, ref.version),
            )
            row = await cursor.fetchone()
        if row is None:
            raise SecretMissing(f"account {account_id} has no secret {ref.secret_id} version {ref.version}")
        try:
            wrapped, key_id, sealed = row
            # The keys are looked at after the row: one that wrapped it is in the file before it wraps anything.
            return self._master.unwrap(account_id, wrapped, key_id).open(sealed, _place(ref)).decode()
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
        select = "SELECT wrapped, master_key_id FROM data_keys WHERE account_id = %s"
        row = await (await connection.execute(select, (account_id,))).fetchone()
        if row is None:
            master = self._master.current
            _, wrapped = master.new_data_key(account_id)
            await connection.execute(
                "INSERT INTO data_keys (account_id, wrapped, master_key_id) VALUES (%s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                (account_id, wrapped, master.id),
            )
            row = await (await connection.execute(select, (account_id,))).fetchone()
            assert row is not None
        if row[0] is None:
            raise SecretMissing(f"account {account_id} was erased")
        try:
            return self._master.unwrap(account_id, *row)
        except Undecryptable as error:
            raise SecretMissing(f"the data key of {account_id} is wrapped by another master key") from error


def _place(ref: SecretRef) -> str:
    return f"secret {ref.secret_id} {ref.version}"
