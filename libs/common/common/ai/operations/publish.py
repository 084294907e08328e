"""The public form of an operation's facts."""

from uuid import UUID

from common.ai.operations.events import (
    ItemFailed,
    OperationCancelled,
    OperationRefused,
    OperationRequested,
)
from common.contracts import Contract
from common.contracts.operations import AIOperationCancelled, AIOperationFailed, AIOperationRequested
from common.eventsourcing.decider import StreamName
from common.eventsourcing.event import Event, Recorded


def publish_operation(fact: Recorded[Event]) -> Contract | None:
    """For a service's own `publish`; None for what stays inside or is no operation's fact."""
    match fact.event:
        case OperationRequested() as event:
            return AIOperationRequested(
                operation_id=event.operation_id,
                function=event.function,
                items=event.items,
                maximum=event.maximum,
                site_id=event.site_id,
                sector_id=event.sector_id,
                user_id=event.user_id,
                run_id=event.run_id,
            )
        case OperationRefused() as event:
            return AIOperationFailed(
                operation_id=_operation_id(fact),
                function=event.function,
                item_id=None,
                error_code=event.error_code,
                message=event.message,
                run_id=event.run_id,
            )
        case ItemFailed() as event:
            return AIOperationFailed(
                operation_id=_operation_id(fact),
                function=event.function,
                item_id=event.item_id,
                error_code=event.error_code,
                message=event.message,
                provider_cost_micro_usd=event.provider_cost_micro_usd,
                run_id=event.run_id,
            )
        case OperationCancelled() as event:
            return AIOperationCancelled(
                operation_id=_operation_id(fact),
                function=event.function,
                reason=event.reason,
                run_id=event.run_id,
            )
        case _:
            return None


def _operation_id(fact: Recorded[Event]) -> UUID:
    return StreamName.parse(fact.stream).id
