"""Personal data: how it is normalised, encrypted with the account's data key, and found again."""

import re
import unicodedata
from uuid import UUID

from common.api.errors import validation
from common.crypto import DataKey
from common.ids import SYSTEM_ACCOUNT
from common.secrets import SecretStore

# One @, a dotted domain, no spaces or control characters, and nothing that makes two addresses or a name of it in a mail's
# header (RFC 5322 §3.2.3, specials): whether it exists only a mail can tell.
_NEVER = r"@\s\x00-\x1f,;:<>()\[\]\\\""
_EMAIL = re.compile(rf"[^{_NEVER}]{{1,64}}@[^.{_NEVER}]+(\.[^.{_NEVER}]+)+")


def normal_email(text: str) -> str:
    """Lower case, NFC; raises 400."""
    email = unicodedata.normalize("NFC", text.strip()).lower()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise validation("email", "is not an e-mail address")
    return email


async def email_index(secrets: SecretStore, email: str) -> str:
    """The blind index of a normalised e-mail; its key is the system account's, for it is looked up across tenants."""
    key = await secrets.data_key(SYSTEM_ACCOUNT)
    return key.blind_index(email, "e-mail").hex()


class Fields:
    """Encrypts and decrypts the personal fields of one person or account; empty text stays empty."""

    def __init__(self, key: DataKey, of: UUID) -> None:
        self._key = key
        self._of = of

    def seal(self, name: str, value: str) -> str:
        return self._key.encrypt(value, f"{self._of} {name}") if value else ""

    def read(self, name: str, cipher: str) -> str:
        return self._key.decrypt(cipher, f"{self._of} {name}") if cipher else ""
