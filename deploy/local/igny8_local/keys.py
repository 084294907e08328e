"""Passwords and keys, made once per data directory and readable by its owner alone."""

import base64
import hashlib
import json
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

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


def prepare_token_keys(layout: Layout) -> None:
    """Makes the first signing key and publishes all public keys of the directory as `jwks.json`.

    A key is PKCS 8 PEM named after its RFC 7638 thumbprint, which is its `kid`; to rotate, add a file.
    """
    if not any(layout.token_keys.glob("*.pem")):
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        write_atomically(layout.token_keys / f"{_public_jwk(key)['kid']}.pem", pem)
    public = []
    for path in sorted(layout.token_keys.glob("*.pem")):
        loaded = load_pem_private_key(path.read_bytes(), password=None)
        if isinstance(loaded, Ed25519PrivateKey):
            public.append(_public_jwk(loaded))
    write_atomically(layout.jwks, json.dumps({"keys": public}), mode=0o644)


def _public_jwk(key: Ed25519PrivateKey) -> dict[str, str]:
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    required = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(raw)}
    canonical = json.dumps(required, separators=(",", ":"), sort_keys=True)
    thumbprint = _base64url(hashlib.sha256(canonical.encode()).digest())
    return required | {"kid": thumbprint, "alg": "EdDSA", "use": "sig"}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
