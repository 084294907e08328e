"""Reading what a request cost."""

from datetime import datetime
from uuid import UUID

from common.api.answers import Success
from common.api.caller import Caller
from common.api.envelope import Answer, answer
from common.api.errors import forbidden, not_found
from common.api.runtime import Runtime
from fastapi import APIRouter
from pydantic import BaseModel, Field

from gateway.tracking.metrics import ROLES, metrics_of

router = APIRouter(prefix="/api/v1/system/request-metrics", tags=["system"])


class MetricsOut(BaseModel):
    """CPU, memory and I/O of the gateway's process while it answered; a service's own work is not in them."""

    id: UUID
    at: datetime
    request_id: str
    method: str
    path: str
    status: int
    seconds: float
    cpu_user_seconds: float
    cpu_system_seconds: float
    memory_bytes: int
    memory_grown_bytes: int = Field(description="May be negative.")
    read_bytes: int
    written_bytes: int


@router.get("/{metrics_id}/", summary="What a tracked request cost", response_model=Success[MetricsOut])
async def get_metrics(metrics_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    if caller.role not in ROLES:
        raise forbidden("Only owners, admins and developers see what requests cost.")
    async with runtime.database.transaction(caller.account_id) as tx:
        found = await metrics_of(tx, metrics_id)
    if found is None:
        raise not_found("Request", metrics_id)
    return answer(found)
