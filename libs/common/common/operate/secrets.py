"""Rotating the master key while services read and write: data keys are wrapped anew, secrets stay as they are.

The new key comes first in the key file, which services read again as soon as it has changed; the old ones stay behind it
until nothing is wrapped by them. Needs the owner's role of the secret store's database.
"""

import base64
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg

from common.crypto import KEY_BYTES, MasterKey, MasterKeyInvalid, MasterKeys, Undecryptable
from common.operate import OperatorError

Connection = psycopg.Connection[Any]

PAGE = 200
ROTATION_LOCK = 0x1697_8002


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did; master keys by their ids."""

    current: str
    rewrapped: int
    kept: tuple[str, ...]
    dropped: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def rotate(connection: Connection, path: Path) -> Rotation:
    """Put a new master key in force and wrap every data key with it. `connection` in autocommit.

    Run again after a crash it makes another key and wraps what was left. Earlier keys that wrap nothing are dropped, but for the
    one before: a service may just be writing with it. Raises `OperatorError`, also while another rotation runs: each would
    write the file without the other's key, and what that had wrapped would be lost.
    """
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (ROTATION_LOCK,)).fetchone()
    if row != (True,):
        raise OperatorError("Another rotation of the master key is running; nothing was changed.")
    try:
        return _rotate(connection, path)
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (ROTATION_LOCK,))


def _rotate(connection: Connection, path: Path) -> Rotation:
    try:
        known = MasterKeys.parse(path.read_text())
    except (OSError, MasterKeyInvalid) as error:
        raise OperatorError(f"{path} holds no master keys: {error}") from error
    used = _in_use(connection)
    if missing := sorted(used - {key.id for key in known.all}):
        raise OperatorError(
            f"Data keys are wrapped by the master key {missing[0]}, which is not in {path}; nothing was changed."
        )
    kept = (known.current, *(key for key in known.earlier if key.id in used))
    dropped = tuple(key.id for key in known.earlier if key not in kept)
    keys = MasterKeys(MasterKey(secrets.token_bytes(KEY_BYTES)), kept)
    _write(path, keys)
    return Rotation(keys.current.id, rewrap(connection, keys), tuple(key.id for key in kept), dropped)


def rewrap(connection: Connection, keys: MasterKeys) -> int:
    """Wrap with the key in force what another one wraps; returns how many data keys that were."""
    done = 0
    while True:
        rows = connection.execute(
            "SELECT account_id FROM data_keys WHERE wrapped IS NOT NULL AND master_key_id <> %s LIMIT %s",
            (keys.current.id, PAGE),
        ).fetchall()
        if not rows:
            return done
        for (account_id,) in rows:
            with connection.transaction():
                row = connection.execute(
                    "SELECT wrapped, master_key_id FROM data_keys WHERE account_id = %s AND wrapped IS NOT NULL FOR UPDATE",
                    (account_id,),
                ).fetchone()
                if row is None:  # erased meanwhile: it must stay so
                    continue
                try:
                    wrapped = keys.current.wrap(keys.unwrap(account_id, *row))
                except Undecryptable as error:
                    raise OperatorError(f"{error}; the other data keys are safe.") from error
                connection.execute(
                    "UPDATE data_keys SET wrapped = %s, master_key_id = %s WHERE account_id = %s",
                    (wrapped, keys.current.id, account_id),
                )
            done += 1


def _in_use(connection: Connection) -> set[str]:
    rows = connection.execute("SELECT DISTINCT master_key_id FROM data_keys WHERE wrapped IS NOT NULL")
    return {row[0] for row in rows}


def _write(path: Path, keys: MasterKeys) -> None:
    """All or nothing, and on disk before anything is wrapped with the new key: without it that would be lost."""
    text = "".join(f"{base64.b64encode(key.key).decode()}\n" for key in keys.all)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
