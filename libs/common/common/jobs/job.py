"""A kind of background work, and how it is asked for inside a transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import procrastinate
import psycopg

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
        """Insert the job on `connection`; it is visible to workers when that transaction commits."""
        await _deferrer.configure_task(
            self.name,
            queue="jobs",
            priority=self.priority if priority is None else priority,
            schedule_at=at,
            connection=connection,
        ).defer_async(
            account_id=str(account_id),
            meta=msgspec.to_builtins(meta),
            arguments=msgspec.to_builtins(arguments),
        )
