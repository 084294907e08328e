"""What may be decided about a paid operation. Each command answers `[]` when it comes again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from common.ai.operations.events import (
    ItemFailed,
    ItemSucceeded,
    NotRequested,
    OperationCancelled,
    OperationEvent,
    OperationRefused,
    OperationRequested,
    OperationStarted,
    OperationState,
    evolve,
)
from common.contracts.billing import LimitReached
from common.contracts.operations import Millicredits
from common.eventsourcing.decider import Decider
from common.eventsourcing.event import EventTypes


@dataclass(frozen=True)
class RequestOperation:
    request: OperationRequested


@dataclass(frozen=True)
class StartOperation:
    """Billing has reserved."""


@dataclass(frozen=True)
class RefuseOperation:
    """Billing has refused."""

    needed: Millicredits
    available: Millicredits
    reached: LimitReached | None = None


@dataclass(frozen=True)
class CompleteItem:
    item_id: UUID


@dataclass(frozen=True)
class FailItem:
    item_id: UUID
    error_code: str
    message: str
    provider_cost_micro_usd: int = 0


@dataclass(frozen=True)
class CancelOperation:
    reason: str


OperationCommand = (
    RequestOperation | StartOperation | RefuseOperation | CompleteItem | FailItem | CancelOperation
)


def decide(command: OperationCommand, state: OperationState) -> Sequence[OperationEvent]:
    if isinstance(command, RequestOperation):
        return [command.request] if isinstance(state, NotRequested) else []
    if isinstance(state, NotRequested) or state.closed:
        return []
    request = state.request
    match command:
        case StartOperation():
            return [] if state.started else [OperationStarted()]
        case RefuseOperation(needed, available, reached):
            if state.started:
                return []
            return [OperationRefused(request.function, needed, available, request.run_id, reached)]
        case CompleteItem(item_id):
            return [ItemSucceeded(item_id)] if item_id in state.open_items else []
        case FailItem(item_id, error_code, message, cost):
            if item_id not in state.open_items:
                return []
            return [ItemFailed(item_id, request.function, error_code, message, cost, request.run_id)]
        case CancelOperation(reason):
            return [OperationCancelled(request.function, reason, request.run_id)] if state.open_items else []
    assert_never(command)


OPERATION: Decider[OperationState, OperationCommand] = Decider(
    category="operation",
    initial=NotRequested(),
    evolve=evolve,
    decide=decide,
    types=EventTypes(
        (
            OperationRequested,
            OperationStarted,
            OperationRefused,
            ItemSucceeded,
            ItemFailed,
            OperationCancelled,
        )
    ),
)
