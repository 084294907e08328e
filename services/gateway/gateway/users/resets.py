"""Resetting a forgotten password: a token by e-mail, good once and for an hour.

The request does the same for every e-mail, registered or not: it asks for a job. Only the job looks whether there is a user.
"""

from uuid import UUID

from common.database import Row, Transaction

from gateway.users import sessions
from gateway.users.decisions import USER, ChangePassword

LIFETIME = "1 hour"
PURPOSE = "password reset"


async def open_reset(tx: Transaction, reset_id: UUID, user_id: UUID) -> None:
    """From the first call on the reset can be used for an hour; called again it changes nothing."""
    await tx.execute(
        "DELETE FROM password_resets WHERE user_id = %(user)s AND expires_at < now()", {"user": user_id}
    )
    await tx.execute(
        "INSERT INTO password_resets (account_id, reset_id, user_id, expires_at)"
        " VALUES (%(account)s, %(reset)s, %(user)s, now() + %(lifetime)s::interval) ON CONFLICT DO NOTHING",
        {"account": tx.account_id, "reset": reset_id, "user": user_id, "lifetime": LIFETIME},
    )


async def reset_row(tx: Transaction, reset_id: UUID) -> Row | None:
    """Its user, unless it is used, ended or was never opened in this account."""
    return await tx.first(
        "SELECT user_id FROM password_resets WHERE reset_id = %(reset)s AND expires_at > now()",
        {"reset": reset_id},
    )


async def use_reset(tx: Transaction, reset_id: UUID, user_id: UUID, password_cipher: str) -> bool:
    """Set the password and end all sessions and resets of the user; False where somebody was faster."""
    await tx.load(USER, user_id)  # the account's lock: of two racers the second one finds no row
    if await reset_row(tx, reset_id) is None:
        return False
    await tx.execute("DELETE FROM password_resets WHERE user_id = %(user)s", {"user": user_id})
    await tx.handle(USER, user_id, ChangePassword(password_cipher))
    await sessions.end_all(tx, user_id)
    return True
