"""A kind of background work, and how it is asked for inside a transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import procrastinate
import psycopg
from procrastinate.exceptions import ConnectorException

from common.eventsourcing.event import Meta

INTERACTIVE, AUTOMATION, IMPORT = 20, 10, 0
"""Priorities: somebody waits for it; a pipeline or rule waits for it; it may take its time."""

# Never opened: with a connection given, procrastinate only needs the app to build its insert.
_deferrer = procrastinate.App(connector=procrastinate.PsycopgConnector())


@dataclass(frozen=True, slots=True)
class Job:
    """A kind of work. `time_limit` in seconds per attempt; `attempts` counts the first one."""

    name: str
    time_limit: float
    attempts: int = 5
    priority: int = INTERACTIVE

    async def defer(
        self,
        connection: psycopg.AsyncConnection[Any],
        *,
        account_id: UUID,
        meta: Meta,
        arguments: dict[str, Any],
        at: datetime | None = None,
        priority: int | None = None,
    ) -> None:
        """Insert the job on `connection`; it is visible to workers when that transaction commits.

        Raises psycopg's errors, as any statement does: who has to tell an absence from a fault knows no others.
        """
        task = _deferrer.configure_task(
            self.name,
            queue="jobs",
            priority=self.priority if priority is None else priority,
            schedule_at=at,
            connection=connection,
        )
        try:
            await task.defer_async(
                account_id=str(account_id),
                meta=msgspec.to_builtins(meta),
                arguments=msgspec.to_builtins(arguments),
            )
        except ConnectorException as error:
            raise error.__cause__ or error from None
