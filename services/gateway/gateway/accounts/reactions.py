"""What an account hears from billing."""

from common.contracts.billing import EntitlementsChanged
from common.database import Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions

from gateway.accounts.decisions import ACCOUNT, EndTrial

reactions = Reactions()


@reactions.on(EntitlementsChanged)
async def entitlements_changed(event: Heard[EntitlementsChanged], tx: Transaction) -> None:
    if event.data.chosen:
        await tx.handle(ACCOUNT, event.account_id, EndTrial())
