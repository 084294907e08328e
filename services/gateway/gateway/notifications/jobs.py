"""The mail of a notification."""

from uuid import UUID

import sqlalchemy as sa
from common.api.runtime import RuntimeOf
from common.ids import stable_id
from common.jobs.job import AUTOMATION, Job
from common.jobs.worker import JobHandler, Work
from common.mail import Mail, Mailer

from gateway.notifications.kinds import KINDS
from gateway.notifications.views import notifications, wanted_by
from gateway.personal import Fields
from gateway.users.jobs import deliver
from gateway.users.views import user_row

SEND_NOTIFICATION = Job("send_notification", time_limit=60, priority=AUTOMATION)


def handler(runtime: RuntimeOf, mailer: Mailer) -> JobHandler:
    """Sends it to who is still a member and still wants it; nothing where no mail is configured."""

    async def run(work: Work) -> None:
        if not runtime.settings.mail.get_secret_value():
            return
        id, user_id = UUID(work.arguments["notification_id"]), UUID(work.arguments["user_id"])
        async with runtime.database.transaction(work.account_id) as tx:
            row = await tx.first(sa.select(notifications).where(notifications.c.id == id))
            user = await user_row(tx, user_id)
            wanted, _ = await wanted_by(tx, user_id)
        if row is None or user is None or not user["is_active"] or not wanted[row["kind"]].email:
            return
        key = await runtime.secrets.data_key(work.account_id)
        address = Fields(key, user_id).read("email", user["email_cipher"])
        console = runtime.settings.console_url.rstrip("/")
        text = (
            f"{row['message']}\n\nMore at {console}/notifications. Which of these mails you get, you choose at"
            f" {console}/settings/notifications.\n"
        )
        subject = f"IGNY8: {KINDS[row['kind']].meaning.lower()}"
        await deliver(mailer, Mail(stable_id(id, user_id), address, subject, text))

    return JobHandler(SEND_NOTIFICATION, run)
