"""The shape around every answer, for the API description (PRODUCT §8)."""

from datetime import datetime
from typing import Generic, TypeVar

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
