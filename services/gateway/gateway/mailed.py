"""Tokens that travel by e-mail: whoever can read the mailbox may do one thing once.

A token names its account and its subject (an invitation, a password reset), and proves itself by a code that only the
account's data key makes. So nothing of it is at rest anywhere, sending it again gives the same one, and it ends with the
account's key.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from uuid import UUID

from common.crypto import DataKey

_PREFIX = "igm_"
_CODE_BYTES = 32


@dataclass(frozen=True, slots=True)
class MailedToken:
    account_id: UUID
    subject_id: UUID
    code: bytes

    @classmethod
    def make(cls, key: DataKey, subject_id: UUID, purpose: str) -> "MailedToken":
        """The token of a subject for one purpose (`password reset`, `invitation 2`)."""
        return cls(key.account_id, subject_id, _code(key, subject_id, purpose))

    @classmethod
    def parse(cls, text: str) -> "MailedToken | None":
        """None for what is no token of ours."""
        try:
            raw = base64.b64decode(text.strip().removeprefix(_PREFIX), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        if len(raw) != 32 + _CODE_BYTES:
            return None
        return cls(UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), raw[32:])

    def __str__(self) -> str:
        raw = self.account_id.bytes + self.subject_id.bytes + self.code
        return _PREFIX + base64.urlsafe_b64encode(raw).decode()

    def proves(self, key: DataKey, purpose: str) -> bool:
        return hmac.compare_digest(self.code, _code(key, self.subject_id, purpose))


def _code(key: DataKey, subject_id: UUID, purpose: str) -> bytes:
    return key.blind_index(str(subject_id), f"mailed token: {purpose}")
