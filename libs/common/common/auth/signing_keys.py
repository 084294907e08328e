"""The keys that tokens are signed with: a directory of Ed25519 keys, and which of them signs when.

A key is a PKCS 8 PEM file named after its RFC 7638 thumbprint, its `kid`. `signing.json` says from when on each one signs
(a key that it does not name: always); `jwks.json` (RFC 7517) has the public half of every key whose tokens may still be
good. Rotating adds a key that is published now and signs later, when everybody who verifies has had the time to read it;
the key before it stays published until the last token it signed has run out. So nobody is signed out.
"""

import base64
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

SCHEDULE_FILE, JWKS_FILE = "signing.json", "jwks.json"
LEAD_SECONDS = 600.0
"""Twice as long as those who fetch the published keys may keep them (`Cache-Control` of /.well-known/jwks.json)."""
KEPT_SECONDS = 2 * 3600.0
"""Twice the life of the longest token: how long a key stays published when another one signs."""
WATCH_SECONDS = 1.0
"""Between two looks at the directory: another process may have rotated."""

Clock = Callable[[], float]


@dataclass(frozen=True)
class SigningKey:
    """`signs_from` is in seconds since 1970."""

    kid: str
    private: Ed25519PrivateKey = field(compare=False, repr=False)
    signs_from: float


@dataclass(frozen=True)
class KeyRing:
    """All keys of a directory, in the order in which they sign."""

    keys: tuple[SigningKey, ...]

    def signing(self, now: float) -> SigningKey:
        """The last one whose time has come; before that the first."""
        return next((key for key in reversed(self.keys) if key.signs_from <= now), self.keys[0])

    def published(self, now: float) -> tuple[SigningKey, ...]:
        """Those that sign, will sign, or signed what may still be good."""
        followers = [*self.keys[1:], None]
        return tuple(
            key
            for key, follower in zip(self.keys, followers, strict=True)
            if follower is None or follower.signs_from + KEPT_SECONDS > now
        )

    def jwks(self, now: float) -> dict[str, Any]:
        return {"keys": [_public(key.private) for key in self.published(now)]}


def read_keys(directory: Path) -> KeyRing:
    """The keys that are there; none in an empty directory."""
    schedule = _schedule(directory)
    read = []
    for path in directory.glob("*.pem"):
        try:
            private, written = load_pem_private_key(path.read_bytes(), password=None), path.stat().st_mtime_ns
        except FileNotFoundError:
            continue  # a rotation has just removed it
        if isinstance(private, Ed25519PrivateKey):
            key = SigningKey(path.stem, private, schedule.get(path.stem, 0.0))
            read.append((key.signs_from, written, key.kid, key))
    return KeyRing(tuple(key for *_, key in sorted(read, key=lambda each: each[:3])))


def prepare_keys(directory: Path, now: float) -> KeyRing:
    """The keys of a directory, the first one made where there is none, and published."""
    directory.mkdir(parents=True, exist_ok=True)
    ring = read_keys(directory)
    if not ring.keys:
        private = Ed25519PrivateKey.generate()
        _write_key(directory, str(_public(private)["kid"]), private)
        ring = read_keys(directory)  # another process may have been faster: both read the same files
    publish(directory, ring, now)
    return ring


def rotate_keys(directory: Path, now: float, lead: float = LEAD_SECONDS) -> SigningKey:
    """Add a key that signs in `lead` seconds, and remove those that nothing good is signed with any more."""
    ring = prepare_keys(directory, now)
    kept = ring.published(now)
    private = Ed25519PrivateKey.generate()
    made = SigningKey(str(_public(private)["kid"]), private, now + lead)
    # The schedule first: a key that it does not name would sign at once.
    times = {key.kid: key.signs_from for key in (*kept, made)}
    write_whole(directory / SCHEDULE_FILE, json.dumps({"signs_from": times}), 0o600)
    _write_key(directory, made.kid, private)
    publish(directory, read_keys(directory), now)
    for key in ring.keys:
        if key not in kept:
            (directory / f"{key.kid}.pem").unlink(missing_ok=True)
    return made


def publish(directory: Path, ring: KeyRing, now: float) -> None:
    """Write the public keys beside the others, for verifiers that read files."""
    path, text = directory / JWKS_FILE, json.dumps(ring.jwks(now))
    if not path.exists() or path.read_text() != text:
        write_whole(path, text, 0o644)


class WatchedKeys:
    """The keys of a directory as they are now: a rotation by another process shows after a second."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._ring = prepare_keys(directory, clock())
        self._seen = self._state()
        self._looked = monotonic()
        self._published = self._ring.published(clock())

    @property
    def signing(self) -> Ed25519PrivateKey:
        return self._now().signing(self._clock()).private

    @property
    def jwks(self) -> dict[str, Any]:
        return self._now().jwks(self._clock())

    def _now(self) -> KeyRing:
        if monotonic() - self._looked >= WATCH_SECONDS:
            self._looked = monotonic()
            state = self._state()
            if state != self._seen:
                ring = read_keys(self._directory)
                if ring.keys:  # a directory that is away for a moment takes nobody's keys
                    self._seen, self._ring = state, ring
            published = self._ring.published(self._clock())
            if published != self._published:
                publish(self._directory, self._ring, self._clock())
                self._published = published
        return self._ring

    def _state(self) -> tuple[int, ...]:
        paths = (self._directory, self._directory / SCHEDULE_FILE)
        return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)


def write_whole(path: Path, text: str, mode: int) -> None:
    """All or nothing: others read these files at any moment."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.touch(mode=mode)
    beside.write_text(text)
    beside.replace(path)


def _schedule(directory: Path) -> dict[str, float]:
    try:
        read = json.loads((directory / SCHEDULE_FILE).read_text())
    except FileNotFoundError:
        return {}
    return {str(kid): float(at) for kid, at in read["signs_from"].items()}


def _write_key(directory: Path, kid: str, private: Ed25519PrivateKey) -> None:
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    write_whole(directory / f"{kid}.pem", pem, 0o600)


def _public(key: Ed25519PrivateKey) -> dict[str, str]:
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    required = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(raw)}
    canonical = json.dumps(required, separators=(",", ":"), sort_keys=True)
    thumbprint = _base64url(hashlib.sha256(canonical.encode()).digest())
    return required | {"kid": thumbprint, "alg": "EdDSA", "use": "sig"}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
