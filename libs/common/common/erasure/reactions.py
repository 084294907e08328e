"""Every service hears that an account was erased, and forgets it."""

from common.contracts.gateway import AccountErased
from common.database import Transaction
from common.erasure.begin import begin
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions

reactions = Reactions()


@reactions.on(AccountErased)
async def account_erased(event: Heard[AccountErased], tx: Transaction) -> None:
    await begin(tx)
