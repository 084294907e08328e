"""Passwords and keys, made once per data directory and readable by its owner alone."""

import base64
import json
import secrets
from pathlib import Path

from igny8_local.layout import Layout, write_atomically


class Credentials:
    """The passwords of database roles, kept in `credentials.json`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._passwords: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        self.known_before = frozenset(self._passwords)
        """Roles whose password was on disk already: this data directory made them."""

    def password(self, role: str) -> str:
        """The role's password; a new one is random and saved before it is returned."""
        if role not in self._passwords:
            self._passwords[role] = secrets.token_urlsafe(24)
            write_atomically(self._path, json.dumps(self._passwords, indent=1))
        return self._passwords[role]


def master_key_file(layout: Layout) -> Path:
    """The keys that wrap the data keys, the one in force first: 32 random bytes in base64 a line. Made where there is none."""
    path = layout.keys / "master.key"
    if not path.exists():
        write_atomically(path, base64.b64encode(secrets.token_bytes(32)).decode() + "\n")
    return path
