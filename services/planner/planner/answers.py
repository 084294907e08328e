"""The shape around every answer, for the API description (PRODUCT §8), and what all resources show."""

from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from common.database import Row
from pydantic import BaseModel

T = TypeVar("T")


class Success(BaseModel, Generic[T]):
    success: bool
    data: T
    message: str | None = None
    request_id: str
    timestamp: datetime


class Listed(BaseModel, Generic[T]):
    """One page of a list; `next` and `previous` are links relative to the host."""

    count: int
    next: str | None
    previous: str | None
    results: list[T]


class Resource(BaseModel):
    id: UUID
    account_id: UUID
    site_id: UUID
    sector_id: UUID
    sector_name: str | None = None
    created_at: datetime
    updated_at: datetime
    version: int


class TaskAccepted(BaseModel):
    task_id: UUID


class Changed(BaseModel):
    """How many were changed by a bulk call."""

    count: int


def shown(row: Row, key: str) -> dict[str, Any]:
    """A row with its primary key as `id`, without what is inside only."""
    return {"id": row[key]} | {name: row[name] for name in row if name not in (key, "archived", "normalised")}
