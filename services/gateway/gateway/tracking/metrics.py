"""Measuring a request, and the rows that keep the figures for an hour."""

from dataclasses import dataclass
from time import perf_counter
from typing import Any
from uuid import UUID

import msgspec
import psutil
import sqlalchemy as sa
from common.auth.identity import Identity
from common.database import Database, Sql
from common.ids import new_id
from common.views import uuid_column
from sqlalchemy.dialects.postgresql import JSONB

from gateway import metadata

ROLES = ("owner", "admin", "developer")
KEPT = "1 hour"

request_metrics = sa.Table(
    "request_metrics",
    metadata,
    uuid_column("account_id"),
    uuid_column("id", primary_key=True),
    sa.Column("data", JSONB, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Used:
    """Of the gateway's process, since it began: seconds of CPU, bytes of memory now, bytes read and written."""

    cpu_user: float
    cpu_system: float
    memory: int
    read: int
    written: int

    @classmethod
    def now(cls) -> "Used":
        process = psutil.Process()
        with process.oneshot():
            times, memory = process.cpu_times(), process.memory_info().rss
            counted = process.io_counters() if hasattr(process, "io_counters") else None
        read, written = (counted.read_bytes, counted.write_bytes) if counted else (0, 0)
        return cls(times.user, times.system, memory, read, written)


class Tracked:
    """One request that is measured. What else the process did meanwhile is in the figures: ask when it is quiet."""

    def __init__(self, database: Database, identity: Identity, method: str, path: str) -> None:
        self.id = new_id()
        self._database = database
        self._identity = identity
        self._request = {"method": method, "path": path, "request_id": identity.request_id}
        self._began = perf_counter()
        self._used = Used.now()

    async def ended(self, status: int) -> None:
        """Keep the figures; called before the answer's last byte leaves, so that who has it finds them."""
        now, before = Used.now(), self._used
        data = self._request | {
            "status": status,
            "seconds": round(perf_counter() - self._began, 6),
            "cpu_user_seconds": round(now.cpu_user - before.cpu_user, 6),
            "cpu_system_seconds": round(now.cpu_system - before.cpu_system, 6),
            "memory_bytes": now.memory,
            "memory_grown_bytes": now.memory - before.memory,
            "read_bytes": now.read - before.read,
            "written_bytes": now.written - before.written,
        }
        async with self._database.transaction(self._identity.account_id) as tx:
            await tx.execute(f"DELETE FROM request_metrics WHERE at < now() - interval '{KEPT}'")  # noqa: S608 - a constant
            await tx.execute(
                "INSERT INTO request_metrics (account_id, id, data, at)"
                " SELECT %(account)s::uuid, %(id)s, %(data)s::jsonb, now()"
                " WHERE NOT EXISTS (SELECT FROM erased_accounts)",  # this request may have erased it
                {
                    "account": self._identity.account_id,
                    "id": self.id,
                    "data": msgspec.json.encode(data).decode(),
                },
            )


async def metrics_of(sql: Sql, id: UUID) -> dict[str, Any] | None:
    """The figures of a request of the last hour."""
    row = await sql.first(
        f"SELECT id, at, data FROM request_metrics WHERE id = %(id)s AND at > now() - interval '{KEPT}'",  # noqa: S608 - a constant
        {"id": id},
    )
    return {"id": row["id"], "at": row["at"], **row["data"]} if row else None
