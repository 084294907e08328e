"""Removing an export when its time has come."""

from datetime import datetime
from uuid import UUID

from common.api.runtime import RuntimeOf
from common.database import Transaction
from common.jobs.job import IMPORT, Job
from common.jobs.worker import JobHandler, Work

from gateway.exports.decisions import EXPORT, ExpireExport
from gateway.exports.events import Export

EXPIRE_EXPORT = Job("expire_export", time_limit=60, attempts=100, priority=IMPORT)


async def expire_at(tx: Transaction, export_id: UUID, at: datetime) -> None:
    await EXPIRE_EXPORT.defer(
        await tx.reach(), account_id=tx.account_id, meta=tx.meta, arguments={"export_id": export_id}, at=at
    )


def handler(runtime: RuntimeOf) -> JobHandler:
    """The job that `expire_at` asks for: the parts go first, so that none is left behind where this ends in between."""

    async def run(work: Work) -> None:
        export_id = UUID(work.arguments["export_id"])
        async with runtime.database.transaction(work.account_id) as tx:
            export, _ = await tx.load(EXPORT, export_id)
        if not isinstance(export, Export):
            return
        objects = runtime.objects.of(work.account_id)
        for part in export.parts.values():
            await objects.delete(part)

        async def expire(tx: Transaction) -> None:
            await tx.handle(EXPORT, export_id, ExpireExport())

        await runtime.database.run(work.account_id, expire, work.meta)

    return JobHandler(EXPIRE_EXPORT, run)
