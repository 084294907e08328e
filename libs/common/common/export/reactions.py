"""Every service hears that an account is to be exported, and begins its part."""

from common.contracts.export import ExportRequested
from common.database import Transaction
from common.export.jobs import WRITE_PART
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions

reactions = Reactions()


@reactions.on(ExportRequested)
async def export_requested(event: Heard[ExportRequested], tx: Transaction) -> None:
    await tx.defer(WRITE_PART, export_id=event.data.export_id)
