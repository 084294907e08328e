"""The shape around every answer, for the API description (PRODUCT §8)."""

from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel

T = TypeVar("T")


class Success(BaseModel, Generic[T]):
    success: bool
    data: T
    message: str | None = None
    request_id: str
    timestamp: datetime


class Failure(BaseModel):
    """Every refusal and failure: what, where and what to do; `errors` by field where a body or query did not fit."""

    success: bool = False
    error: str
    error_code: str
    errors: dict[str, list[str]] | None = None
    details: dict[str, Any] | None = None
    request_id: str
    timestamp: datetime


class TaskAccepted(BaseModel):
    """Of a 202: `Location` tells how far it is."""

    task_id: UUID


class Listed(BaseModel, Generic[T]):
    """One page of a list; `next` and `previous` are links relative to the host. With a `cursor` nothing is counted."""

    count: int | None
    next: str | None
    previous: str | None
    results: list[T]
