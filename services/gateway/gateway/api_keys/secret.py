"""The secret of an API key: `ig8_` and 256 random bits, kept as a keyed hash.

Passwords need a slow hash because people choose them; nobody can go through 2^256 secrets, so one HMAC-SHA-256 is enough
and costs a request microseconds. Its key lies in the secret store: who reads the table alone cannot even test a guess.
"""

import re
import secrets

from common.ids import SYSTEM_ACCOUNT
from common.secrets import SecretStore

START = "ig8_"
_BYTES = 32
_WHOLE = re.compile(START + r"[A-Za-z0-9_-]{43}")
SHOWN_CHARACTERS = 12
"""`ig8_` and 48 bits: enough to tell keys apart, 208 bits stay unknown."""


def new_secret() -> str:
    return START + secrets.token_urlsafe(_BYTES)


def is_secret(text: str) -> bool:
    """Whether it has the form of one: what has not need not be looked up."""
    return _WHOLE.fullmatch(text) is not None


def prefix_of(secret: str) -> str:
    return secret[:SHOWN_CHARACTERS]


async def hash_of(store: SecretStore, secret: str) -> str:
    """In hexadecimals. The hash's key is the system account's, for a key is looked up across tenants."""
    key = await store.data_key(SYSTEM_ACCOUNT)
    return key.blind_index(secret, "API key").hex()
