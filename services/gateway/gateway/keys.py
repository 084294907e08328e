"""The gateway's signing keys: Ed25519, PKCS 8 PEM files named after their RFC 7638 thumbprint, which is their `kid`."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from joserfc.jwk import OKPKey

JWKS_FILE = "jwks.json"


@dataclass(frozen=True)
class SigningKeys:
    """`signing` is the newest key; all of them are published, so that what older ones signed stays valid."""

    signing: Ed25519PrivateKey
    jwks: dict[str, Any]


def load_keys(directory: Path) -> SigningKeys:
    """The keys of a directory, the first one made where there is none; writes `jwks.json` beside them."""
    directory.mkdir(parents=True, exist_ok=True)
    keys = _read(directory)
    if not keys:
        _create(directory)
        keys = _read(directory)  # another gateway may have been faster: both read the same files
    jwks = {"keys": [_public(key) for key in keys]}
    _write(directory / JWKS_FILE, json.dumps(jwks), 0o644)
    return SigningKeys(keys[-1], jwks)


def _read(directory: Path) -> list[Ed25519PrivateKey]:
    files = sorted(directory.glob("*.pem"), key=lambda path: (path.stat().st_mtime_ns, path.name))
    loaded = [load_pem_private_key(path.read_bytes(), password=None) for path in files]
    return [key for key in loaded if isinstance(key, Ed25519PrivateKey)]


def _create(directory: Path) -> None:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    _write(directory / f"{OKPKey.import_key(key).thumbprint()}.pem", pem, 0o600)


def _public(key: Ed25519PrivateKey) -> dict[str, Any]:
    jwk = OKPKey.import_key(key.public_key())
    return {**jwk.as_dict(private=False), "kid": jwk.thumbprint(), "alg": "EdDSA", "use": "sig"}


def _write(path: Path, text: str, mode: int) -> None:
    """All or nothing: services read these files at any moment."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.touch(mode=mode)
    beside.write_text(text)
    beside.replace(path)
