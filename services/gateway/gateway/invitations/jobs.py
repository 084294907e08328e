"""The mail of an invitation."""

from uuid import UUID

from common.api.runtime import RuntimeOf
from common.ids import stable_id
from common.jobs.job import Job
from common.jobs.worker import JobHandler, Work
from common.mail import Mail, Mailer

from gateway.invitations.views import invitation_row
from gateway.mailed import MailedToken
from gateway.personal import Fields
from gateway.users.jobs import deliver

SEND_INVITATION = Job("send_invitation", time_limit=60)


def purpose(sending: int) -> str:
    """What the token of one sending proves: with the next one it ends."""
    return f"invitation {sending}"


def handler(runtime: RuntimeOf, mailer: Mailer) -> JobHandler:
    """Sends the newest mail of an invitation; nothing where it is closed or was sent anew since."""

    async def run(work: Work) -> None:
        id, sending = UUID(work.arguments["invitation_id"]), int(work.arguments["sending"])
        async with runtime.database.transaction(work.account_id) as tx:
            row = await invitation_row(tx, id)
        if row["state"] != "pending" or row["sending"] != sending:
            return
        key = await runtime.secrets.data_key(work.account_id)
        token = MailedToken.make(key, id, purpose(sending))
        address = Fields(key, id).read("email", row["email_cipher"])
        await deliver(mailer, _mail(id, sending, address, runtime.settings.console_url, token))

    return JobHandler(SEND_INVITATION, run)


def _mail(id: UUID, sending: int, address: str, console_url: str, token: MailedToken) -> Mail:
    return Mail(
        stable_id(id, sending),
        address,
        "You are invited to IGNY8",
        "You have been invited to work on an IGNY8 account. To accept, open\n\n"
        f"{console_url.rstrip('/')}/accept-invitation?token={token}\n\n"
        "within 7 days. If you do not know what this is about, there is nothing to do.\n",
    )
