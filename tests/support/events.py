"""Events and facts as tests need them: one as another service says it, and the recorded ones as they lie in the store."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from common.contracts import Contract
from common.database import Sql
from common.eventsourcing.event import EventTypes, Meta, Recorded
from common.ids import new_id
from common.messaging.envelope import Heard

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def heard(
    account_id: UUID,
    data: Contract,
    version: int = 1,
    *,
    source: str = "planner",
    category: str = "any",
    time: datetime = LONG_AGO,
) -> Heard[Any]:
    """What a listener gets; `version` is that of the account's stream of this category."""
    return Heard(
        data=data,
        type="",
        source=source,
        account_id=account_id,
        event_id=new_id(),
        subject=f"{category}-{account_id}",
        version=version,
        time=time,
        correlation_id=None,
        traceparent=None,
    )


async def stored(sql: Sql, types: EventTypes, streams: str = "%") -> list[Recorded[Any]]:
    """The account's facts whose streams are LIKE that, in the order of their positions."""
    rows = await sql.all(
        "SELECT *, data::text AS body FROM events WHERE stream LIKE %(streams)s ORDER BY position",
        {"streams": streams},
    )
    return [
        Recorded(
            row["position"],
            row["account_id"],
            row["stream"],
            row["version"],
            row["event_id"],
            types.decode_json(row["type"], row["body"]),
            msgspec.convert(row["meta"], Meta, strict=False),
            row["recorded_at"],
        )
        for row in rows
    ]
