"""What services say to each other's machinery, and transient progress."""

from typing import Literal
from uuid import UUID

from common.contracts.base import CONTROL_TOPIC, PROGRESS_TOPIC, SERVICES, Contract, contract

Phase = Literal["Initializing", "Processing", "AI Analysis", "Saving", "Completed", "Failed"]


@contract(by=SERVICES, heard_by=SERVICES, topic=CONTROL_TOPIC)
class CatchUpRequested(Contract, frozen=True, kw_only=True):
    """`consumer` missed events of `source`: the source says again what it recorded since `since`."""

    source: str
    consumer: str
    since: str
    """RFC 3339: when the consumer's last event of that partition was recorded; the epoch for everything."""


@contract(by=("planner", "writer"), heard_by=("gateway",), topic=PROGRESS_TOPIC)
class ProgressReported(Contract, frozen=True, kw_only=True):
    """Transient: lost without harm, the final state comes from the outcome."""

    operation_id: UUID
    function: str
    phase: Phase
    item: int
    items: int
    percent: int
    step: str = ""
