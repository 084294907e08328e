"""What can happen to a paid operation, and what is then true."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from common.ai.costs import credits
from common.contracts.billing import LimitReached
from common.contracts.operations import Function, Millicredits, OperationItem
from common.eventsourcing.event import Event
from common.plan_limits import PlanLimitReached, explain


class OperationRequested(Event, frozen=True):
    operation_id: UUID
    function: Function
    items: tuple[OperationItem, ...]
    maximum: Millicredits
    site_id: UUID
    sector_id: UUID
    parameters: dict[str, Any]
    user_id: UUID | None = None
    run_id: UUID | None = None


class OperationStarted(Event, frozen=True):
    """Billing has reserved the maximum: the jobs run."""


class OperationRefused(Event, frozen=True):
    """For want of credits; where `reached` says so because of a limit of the plan."""

    function: Function
    needed: Millicredits
    available: Millicredits
    run_id: UUID | None = None
    reached: LimitReached | None = None

    @property
    def error_code(self) -> str:
        return "INSUFFICIENT_CREDITS" if self.reached is None else PlanLimitReached.code

    @property
    def message(self) -> str:
        if self.reached is not None:
            return explain(self.reached)
        return f"needed up to {credits(self.needed)} credits, {credits(self.available)} were available"


class ItemSucceeded(Event, frozen=True):
    item_id: UUID


class ItemFailed(Event, frozen=True):
    item_id: UUID
    function: Function
    error_code: str
    message: str
    provider_cost_micro_usd: int = 0
    run_id: UUID | None = None


class OperationCancelled(Event, frozen=True):
    function: Function
    reason: str
    run_id: UUID | None = None


OperationEvent = (
    OperationRequested | OperationStarted | OperationRefused | ItemSucceeded | ItemFailed | OperationCancelled
)


@dataclass(frozen=True)
class NotRequested:
    """Nobody has asked for it."""


@dataclass(frozen=True)
class Operation:
    """An operation on its way or ended; `outcomes` says of each ended item whether it succeeded."""

    request: OperationRequested
    started: bool = False
    closed: bool = False
    """Refused or cancelled: no further item will run."""
    outcomes: Mapping[UUID, bool] | None = None

    @property
    def open_items(self) -> tuple[UUID, ...]:
        """Items without an outcome, in the order they were asked for."""
        ended = self.outcomes or {}
        return tuple(item.item_id for item in self.request.items if item.item_id not in ended)

    @property
    def status(self) -> str:
        if self.closed:
            return "closed"
        if self.open_items:
            return "running" if self.started else "requested"
        return "completed" if any((self.outcomes or {}).values()) else "failed"


OperationState = NotRequested | Operation


def evolve(state: OperationState, event: OperationEvent) -> OperationState:
    if isinstance(event, OperationRequested):
        return Operation(event)
    if isinstance(state, NotRequested):
        return state
    match event:
        case OperationStarted():
            return replace(state, started=True)
        case OperationRefused() | OperationCancelled():
            return replace(state, closed=True)
        case ItemSucceeded(item_id):
            return replace(state, outcomes={**(state.outcomes or {}), item_id: True})
        case ItemFailed(item_id=item_id):
            return replace(state, outcomes={**(state.outcomes or {}), item_id: False})
