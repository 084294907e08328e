"""What only the gateway removes of an erased account: its data key, and with it all secrets."""

from uuid import UUID

from common.api.runtime import RuntimeOf
from common.erasure.jobs import Forget


def erase_secrets(runtime: RuntimeOf) -> Forget:
    """From then on nothing that was encrypted with the key can be read, wherever a copy of it lies."""

    async def erase(account_id: UUID) -> None:
        await runtime.secrets.erase(account_id)

    return erase
