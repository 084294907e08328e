"""The toy as a process of its own, told by the environment as any service: `python -m tests.support.toy_replica`.

For each event it hears it writes a row and defers a job, which writes one too; both say which process they are from.
"""

import os
from typing import Any, cast

from common.api.runtime import RuntimeOf
from common.contracts.publisher import SiteConnected
from common.database import Transaction
from common.jobs.job import Job
from common.jobs.worker import JobHandler, Work
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions
from common.service import Service, main

from tests.integration.kit import toy_api
from tests.integration.kit.toy_worker import ToyJobs
from tests.support import toy

SCHEMA = """
CREATE TABLE toy_done (account_id uuid NOT NULL, event_id uuid NOT NULL, worker integer NOT NULL);
GRANT ALL ON toy_done TO PUBLIC;
"""
RECORD = Job("toy_record", time_limit=30)


def reactions() -> Reactions:
    hears, both = toy.listener(), Reactions()

    @both.on(SiteConnected)
    async def hear(event: Heard[SiteConnected], tx: Transaction) -> None:
        await hears.handle(cast("Heard[Any]", event), tx)
        await tx.defer(RECORD, event_id=event.event_id)

    return both


def jobs(runtime: RuntimeOf) -> tuple[JobHandler, ...]:
    async def record(work: Work) -> None:
        async with runtime.database.transaction(work.account_id) as tx:
            await tx.execute(
                "INSERT INTO toy_done VALUES (%(account)s, %(event)s, %(worker)s)",
                {"account": work.account_id, "event": work.arguments["event_id"], "worker": os.getpid()},
            )

    return (JobHandler(RECORD, record), *ToyJobs(runtime.settings.service_database).handlers)


if __name__ == "__main__":
    main(Service("publisher", toy.MODEL, reactions(), (toy_api.router,), jobs=jobs, routes=toy_api.ROUTES))
