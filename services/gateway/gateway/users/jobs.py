"""Mails to users."""

from uuid import UUID

from common.api.runtime import RuntimeOf
from common.crash_points import crash_point
from common.database import Row, Transaction
from common.jobs.job import Job
from common.jobs.worker import GiveUp, JobHandler, Work
from common.mail import Mail, Mailer, MailNotConfigured, MailRefused

from gateway.mailed import MailedToken
from gateway.personal import Fields
from gateway.users import resets
from gateway.users.views import find_by_email, user_row

SEND_RESET = Job("send_password_reset", time_limit=60)


def handler(runtime: RuntimeOf, mailer: Mailer) -> JobHandler:
    """Sends the token to whom the e-mail belongs, and nothing where it belongs to nobody who may sign in."""

    async def run(work: Work) -> None:
        reset_id = UUID(work.arguments["reset_id"])
        async with runtime.database.transaction(None) as tx:
            found = await find_by_email(tx, work.arguments["email_index"])
        if found is None:
            return
        account_id, user_id = found

        async def open_reset(tx: Transaction) -> Row | None:
            user = await user_row(tx, user_id)
            if user is None or not user["is_active"]:
                return None
            await resets.open_reset(tx, reset_id, user_id)
            return user

        user = await runtime.database.run(account_id, open_reset, work.meta)
        if user is None:
            return
        key = await runtime.secrets.data_key(account_id)
        token = MailedToken.make(key, reset_id, resets.PURPOSE)
        address = Fields(key, user_id).read("email", user["email_cipher"])
        await deliver(mailer, _mail(reset_id, address, runtime.settings.console_url, token))

    return JobHandler(SEND_RESET, run)


async def deliver(mailer: Mailer, mail: Mail) -> None:
    """Raises `GiveUp` where trying again is hopeless."""
    crash_point("mail.before_send")
    try:
        await mailer.send(mail)
    except (MailRefused, MailNotConfigured) as error:
        raise GiveUp(str(error)) from error
    crash_point("mail.after_send")


def _mail(reset_id: UUID, address: str, console_url: str, token: MailedToken) -> Mail:
    return Mail(
        reset_id,
        address,
        "Reset your IGNY8 password",
        "Somebody asked to reset the password of this IGNY8 user. To choose a new one, open\n\n"
        f"{console_url.rstrip('/')}/reset-password?token={token}\n\n"
        "within an hour. The link works once. If it was not you, there is nothing to do:"
        " your password stays as it is.\n",
    )
