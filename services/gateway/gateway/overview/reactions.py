"""What the views over all services are made of is written down as it is heard."""

from typing import Any

from common.database import Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions

from gateway.overview.decisions import OVERVIEW, See
from gateway.overview.sights import SEEN, sight_of

seen = Reactions()


@seen.on(*SEEN)
async def heard(event: Heard[Any], tx: Transaction) -> None:
    await tx.handle(OVERVIEW, event.event_id, See(sight_of(event)))
