"""What all resources of the planner show."""

from datetime import datetime
from typing import Any
from uuid import UUID

from common.database import Row
from pydantic import BaseModel


class Resource(BaseModel):
    id: UUID
    account_id: UUID
    site_id: UUID
    sector_id: UUID
    sector_name: str | None = None
    created_at: datetime
    updated_at: datetime
    version: int


class Changed(BaseModel):
    """How many were changed by a bulk call."""

    count: int


def shown(row: Row, key: str) -> dict[str, Any]:
    """A row with its primary key as `id`, without what is inside only."""
    found = dict(row)
    found["id"] = found.pop(key)
    for inside in ("archived", "normalised"):
        found.pop(inside, None)
    return found
