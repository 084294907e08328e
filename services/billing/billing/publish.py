"""The public form of billing's facts."""

from typing import assert_never, cast

from common.contracts import Contract
from common.contracts import billing as said
from common.eventsourcing.event import Event, Recorded
from common.export.events import ExportPartGivenUp, ExportPartWritten, PartEvent
from common.export.publish import publish_part

from billing.entitlements.events import EntitlementsChanged
from billing.plans.events import PlanWritten
from billing.rates.events import RateCardPublished
from billing.wallets.events import (
    CreditsDeducted,
    CreditsExpired,
    CreditsGranted,
    CreditsRefused,
    CreditsReleased,
    CreditsReserved,
    CreditsWithdrawn,
    CreditsWrittenOff,
    WalletEvent,
)


def publish(fact: Recorded[Event]) -> Contract | None:
    """None for plans, and for movements of nothing: those only close something inside."""
    event = cast(
        "WalletEvent | RateCardPublished | PlanWritten | EntitlementsChanged | PartEvent", fact.event
    )
    match event:
        case PlanWritten():
            return None
        case EntitlementsChanged(plan=plan, limits=limits, chosen=chosen):
            return said.EntitlementsChanged(plan=plan, limits=limits, chosen=chosen)
        case RateCardPublished():
            return said.RateCardPublished(card=event.card)
        case CreditsGranted():
            return said.CreditsGranted(
                grant_id=event.grant_id,
                kind=event.kind,
                amount=event.amount,
                balance=event.balance,
                available=event.available,
                expires_at=event.expires_at.isoformat() if event.expires_at else None,
            )
        case CreditsReserved():
            return said.CreditsReserved(
                operation_id=event.operation_id,
                amount=event.amount,
                balance=event.balance,
                available=event.available,
                expires_at=event.expires_at.isoformat(),
                used=event.used,
            )
        case CreditsRefused():
            return said.CreditsRefused(
                operation_id=event.operation_id,
                needed=event.needed,
                available=event.available,
                reached=event.reached,
            )
        case CreditsDeducted():
            return said.CreditsDeducted(
                operation_id=event.operation_id,
                item_id=event.item_id,
                function=event.function,
                amount=event.amount,
                balance=event.balance,
                available=event.available,
                run_id=event.origin.run_id,
                used=event.used,
            )
        case CreditsReleased():
            if event.amount == 0 and event.used is None:
                return None
            return said.CreditsReleased(
                operation_id=event.operation_id,
                amount=event.amount,
                reason=event.reason,
                balance=event.balance,
                available=event.available,
                used=event.used,
            )
        case CreditsExpired():
            if event.amount == 0:
                return None
            return said.CreditsExpired(
                grant_id=event.grant_id,
                amount=event.amount,
                balance=event.balance,
                available=event.available,
            )
        case CreditsWrittenOff():
            return said.CreditsWrittenOff(
                operation_id=event.operation_id, item_id=event.item_id, amount=event.amount
            )
        case CreditsWithdrawn():
            return said.CreditsGranted(
                grant_id=event.adjustment_id,
                kind="adjustment",
                amount=-event.amount,
                balance=event.balance,
                available=event.available,
            )
        case ExportPartWritten() | ExportPartGivenUp():
            return publish_part(event)
        case _:
            assert_never(event)
