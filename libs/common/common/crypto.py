"""Encryption at rest: AES-256-GCM with a data key per account, wrapped by the master key (ARCHITECTURE §9)."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12
"""96 random bits (NIST SP 800-38D §8.2.2): safe for 2^32 messages under one key, far above an account's."""


class MasterKeyInvalid(Exception):
    """IGNY8_MASTER_KEY is not 32 bytes in base64."""


class Undecryptable(Exception):
    """The ciphertext was made with another key or for another place, or was changed."""


def _seal(key: bytes, plaintext: bytes, place: str) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, place.encode())


def _open(key: bytes, sealed: bytes, place: str) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
    except (InvalidTag, ValueError) as error:
        raise Undecryptable(f"cannot decrypt {place}") from error


@dataclass(frozen=True, slots=True)
class DataKey:
    """An account's key. `place` names what a value is (`user <id> email`): it decrypts nowhere else."""

    account_id: UUID
    key: bytes = field(repr=False)

    def encrypt(self, plaintext: str, place: str) -> str:
        """Base64 text for events and columns."""
        return base64.b64encode(self.seal(plaintext.encode(), place)).decode()

    def decrypt(self, ciphertext: str, place: str) -> str:
        """Raises `Undecryptable`."""
        return self.open(base64.b64decode(ciphertext), place).decode()

    def seal(self, plaintext: bytes, place: str) -> bytes:
        return _seal(self.key, plaintext, f"{self.account_id} {place}")

    def open(self, sealed: bytes, place: str) -> bytes:
        """Raises `Undecryptable`."""
        return _open(self.key, sealed, f"{self.account_id} {place}")

    def blind_index(self, value: str, purpose: str) -> bytes:
        """HMAC-SHA-256 of a value under a key derived for one purpose: finds an encrypted value without revealing it."""
        derived = HKDF(SHA256(), KEY_BYTES, salt=None, info=f"blind index {purpose}".encode()).derive(
            self.key
        )
        return hmac.digest(derived, value.encode(), "sha256")


@dataclass(frozen=True, slots=True)
class MasterKey:
    """Wraps data keys; lives in the environment or a KMS, never in a database."""

    key: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "MasterKey":
        """Raises `MasterKeyInvalid`."""
        try:
            key = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise MasterKeyInvalid("IGNY8_MASTER_KEY is not base64") from error
        if len(key) != KEY_BYTES:
            raise MasterKeyInvalid(f"IGNY8_MASTER_KEY has {len(key)} bytes, it needs {KEY_BYTES}")
        return cls(key)

    @property
    def id(self) -> str:
        """Tells which master key wrapped a data key, without telling the key."""
        return hashlib.sha256(b"igny8 master key id" + self.key).hexdigest()[:16]

    def new_data_key(self, account_id: UUID) -> tuple[DataKey, bytes]:
        """A random data key and its wrapped form."""
        key = secrets.token_bytes(KEY_BYTES)
        return DataKey(account_id, key), _seal(self.key, key, f"data key {account_id}")

    def wrap(self, key: DataKey) -> bytes:
        """Another wrapped form of a data key that there is."""
        return _seal(self.key, key.key, f"data key {key.account_id}")

    def unwrap(self, account_id: UUID, wrapped: bytes) -> DataKey:
        """Raises `Undecryptable`: another master key wrapped it, or for another account."""
        return DataKey(account_id, _open(self.key, wrapped, f"data key {account_id}"))


@dataclass(frozen=True, slots=True)
class MasterKeys:
    """The master key in force, and earlier ones that data keys may still be wrapped by: that is how it is rotated."""

    current: MasterKey
    earlier: tuple[MasterKey, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "MasterKeys":
        """Keys in base64 with commas or white space between them, the one in force first. Raises `MasterKeyInvalid`."""
        first, *rest = re.split(r"[\s,]+", text.strip())
        return cls(MasterKey.parse(first), tuple(map(MasterKey.parse, rest)))

    @property
    def all(self) -> tuple[MasterKey, ...]:
        return self.current, *self.earlier

    def unwrap(self, account_id: UUID, wrapped: bytes, key_id: str) -> DataKey:
        """`key_id` tells which of them wrapped it. Raises `Undecryptable` where it is none of them."""
        for key in self.all:
            if key.id == key_id:
                return key.unwrap(account_id, wrapped)
        raise Undecryptable(
            f"the data key of {account_id} is wrapped by master key {key_id}, which is not here"
        )
