"""What a new account may have."""

from common.contracts.gateway import AccountRegistered
from common.database import Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions

from billing.entitlements.jobs import begin_trial

reactions = Reactions()


@reactions.on(AccountRegistered)
async def account_registered(event: Heard[AccountRegistered], tx: Transaction) -> None:
    if event.data.status == "trial":
        await begin_trial(tx)
