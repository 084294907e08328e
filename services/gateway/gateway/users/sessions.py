"""Sessions: a family of refresh tokens, of which only the newest is good. Using an older one ends the family.

A refresh token names account, user and session, followed by 32 random bytes of which the table keeps a hash.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import sqlalchemy as sa
from common.database import Sql, Transaction
from common.views import uuid_column

from gateway import metadata
from gateway.users.decisions import USER, RevokeSession, SignIn, SignOut
from gateway.users.events import User

families = sa.Table(
    "refresh_families",
    metadata,
    uuid_column("account_id"),
    uuid_column("session_id", primary_key=True),
    uuid_column("user_id"),
    sa.Column("token_hash", sa.LargeBinary, nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
)
"""Not a view: it holds the newest secret of each session, which no fact does."""

LIFETIME = "7 days"
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class RefreshToken:
    account_id: UUID
    user_id: UUID
    session_id: UUID
    secret: bytes

    @classmethod
    def parse(cls, text: str) -> "RefreshToken | None":
        """None for what is no token of ours."""
        try:
            raw = base64.b64decode(text.removeprefix("igr_"), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        if len(raw) != 48 + _SECRET_BYTES:
            return None
        return cls(UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), UUID(bytes=raw[32:48]), raw[48:])

    def __str__(self) -> str:
        raw = self.account_id.bytes + self.user_id.bytes + self.session_id.bytes + self.secret
        return "igr_" + base64.urlsafe_b64encode(raw).decode()

    @property
    def hash(self) -> bytes:
        return hashlib.sha256(self.secret).digest()


Standing = Literal["good", "used", "ended"]


def standing(token: RefreshToken, newest_hash: bytes | None, *, expired: bool) -> Standing:
    """What a presented token is, given the newest hash of its session (None: there is no such session any more)."""
    if newest_hash is None or expired:
        return "ended"
    return "good" if hmac.compare_digest(token.hash, newest_hash) else "used"


async def begin(tx: Transaction, user_id: UUID, session_id: UUID) -> RefreshToken:
    """Sign in: the fact, and the family's first token."""
    user = (await tx.handle(USER, user_id, SignIn(session_id))).state
    going_on = list(user.sessions) if isinstance(user, User) else []
    token = RefreshToken(tx.account_id, user_id, session_id, secrets.token_bytes(_SECRET_BYTES))
    await tx.execute(
        "DELETE FROM refresh_families WHERE user_id = %(user)s"
        " AND (expires_at < now() OR session_id <> ALL (%(going_on)s))",
        {"user": user_id, "going_on": going_on},
    )
    await tx.execute(
        "INSERT INTO refresh_families (account_id, session_id, user_id, token_hash, expires_at)"
        " VALUES (%(account)s, %(session)s, %(user)s, %(hash)s, now() + %(lifetime)s::interval)",
        {
            "account": tx.account_id,
            "session": session_id,
            "user": user_id,
            "hash": token.hash,
            "lifetime": LIFETIME,
        },
    )
    return token


async def rotate(tx: Transaction, token: RefreshToken) -> tuple[Standing, RefreshToken | None]:
    """The next token of the family, or why there is none; a used token ends the family (commit it)."""
    found = await _family(tx, token)
    if found != "good":
        if found == "used":
            await _end(tx, token)
            await tx.handle(USER, token.user_id, RevokeSession(token.session_id))
        return found, None
    following = RefreshToken(
        token.account_id, token.user_id, token.session_id, secrets.token_bytes(_SECRET_BYTES)
    )
    await tx.execute(
        "UPDATE refresh_families SET token_hash = %(hash)s, expires_at = now() + %(lifetime)s::interval"
        " WHERE session_id = %(session)s",
        {"hash": following.hash, "lifetime": LIFETIME, "session": token.session_id},
    )
    return found, following


async def end(tx: Transaction, token: RefreshToken) -> bool:
    """Sign out; whether the token was good: another one ends nothing."""
    if await _family(tx, token) != "good":
        return False
    await _end(tx, token)
    await tx.handle(USER, token.user_id, SignOut(token.session_id))
    return True


def alive(user_id: UUID, session_id: UUID) -> "sa.ColumnElement[bool]":
    """The session goes on: it has not been signed out of, revoked or left to end."""
    return sa.exists().where(
        families.c.session_id == session_id,
        families.c.user_id == user_id,
        families.c.expires_at > sa.func.now(),
    )


async def end_all(sql: Sql, user_id: UUID, keep: UUID | None = None) -> None:
    """No refresh token of the user is good any more, except of the session `keep`."""
    await sql.execute(
        "DELETE FROM refresh_families WHERE user_id = %(user)s AND session_id IS DISTINCT FROM %(keep)s",
        {"user": user_id, "keep": keep},
    )


async def _family(sql: Sql, token: RefreshToken) -> Standing:
    # Locked: of two racers with the same token the second one sees it used.
    row = await sql.first(
        "SELECT token_hash, expires_at < now() AS expired FROM refresh_families"
        " WHERE session_id = %(session)s AND user_id = %(user)s FOR UPDATE",
        {"session": token.session_id, "user": token.user_id},
    )
    return standing(token, row["token_hash"] if row else None, expired=bool(row and row["expired"]))


async def _end(sql: Sql, token: RefreshToken) -> None:
    await sql.execute(
        "DELETE FROM refresh_families WHERE session_id = %(session)s", {"session": token.session_id}
    )
