"""What services say of their parts, the gateway itself among them."""

from common.contracts.export import ExportPartFailed, ExportPartReady
from common.database import Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions

from gateway.exports.decisions import EXPORT, AddPart, FailExport

reactions = Reactions()


@reactions.on(ExportPartReady)
async def part_ready(event: Heard[ExportPartReady], tx: Transaction) -> None:
    await tx.handle(EXPORT, event.data.export_id, AddPart(event.source, event.data.part))


@reactions.on(ExportPartFailed)
async def part_failed(event: Heard[ExportPartFailed], tx: Transaction) -> None:
    await tx.handle(EXPORT, event.data.export_id, FailExport(event.source, event.data.reason))
