"""What the gateway hears that members are told of."""

from typing import Any

from common.database import Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions

from gateway.notifications.jobs import SEND_NOTIFICATION
from gateway.notifications.kinds import CONTRACTS, notice_of
from gateway.notifications.views import keep, mail_to, notification_id_of

kept = Reactions(of_replicas=True)
mailed = Reactions()


@kept.on(*CONTRACTS)
async def note(event: Heard[Any], tx: Transaction) -> None:
    if (notice := notice_of(event.data)) is not None:
        await keep(tx, event, notice)


@mailed.on(*CONTRACTS)
async def tell(event: Heard[Any], tx: Transaction) -> None:
    if (notice := notice_of(event.data)) is not None:
        for user_id in await mail_to(tx, event, notice):
            id = notification_id_of(event, notice)
            await tx.defer(SEND_NOTIFICATION, notification_id=id, user_id=user_id)


notices = Reactions().include([kept, mailed])
