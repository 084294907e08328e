"""What may be decided about an account's credits. Amounts are millicredits; each command answers `[]` when it comes again.

Reservations hold credits of grants that are over before those of any other grant, and what they hold outlives its grant: at a
grant's end the part of it that nothing holds expires, the rest as soon as it is given back. So a running operation is
never left unpaid, no bought credit stands in for an expired one, and `0 <= available <= balance` holds at every step.

What a plan limits by the month counts in the month in which it was asked for: as much as it may come to from its reservation
on, what it came to from its outcome on, and nothing once it has failed or its reservation has expired.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, assert_never
from uuid import UUID

from common.ai.costs import UnknownImageModel, credits, price
from common.contracts.billing import GrantKind, Limits, RateCard
from common.contracts.operations import Charge, Function, Millicredits, OperationItem, Usage
from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes
from common.plan_limits import limit_reached, moved, total

from billing.wallets.events import (
    CreditsDeducted,
    CreditsExpired,
    CreditsGranted,
    CreditsRefused,
    CreditsReleased,
    CreditsReserved,
    CreditsWithdrawn,
    CreditsWrittenOff,
    Grant,
    Origin,
    Reservation,
    Share,
    Wallet,
    WalletEvent,
    evolve,
)
from billing.wallets.monthly import counts_by_item, made_of, used_after, used_so_far
from billing.wallets.snapshot import SNAPSHOT

SPENT_FIRST: Mapping[GrantKind, int] = {
    "plan": 10,
    "promotion": 20,
    "adjustment": 30,
    "refund": 40,
    "purchase": 50,
}
"""What runs out anyway is spent before what was paid for."""

_NEVER = datetime.max.replace(tzinfo=UTC)


class GrantNotPositive(DomainError):
    """A grant adds credits; taking them away is another command."""

    code = "VALIDATION_ERROR"
    status = 400


class WithdrawalNotPositive(DomainError):
    """A withdrawal takes credits away; adding some is another command."""

    code = "VALIDATION_ERROR"
    status = 400


class MoreThanAvailable(DomainError):
    """What is not there, or is reserved for running operations, cannot be taken back."""

    code = "INSUFFICIENT_CREDITS"
    status = 402


class OperationUnknown(DomainError):
    """An outcome came before the request it answers; the message waits until that is here."""

    code = "OPERATION_UNKNOWN"


@dataclass(frozen=True)
class GrantCredits:
    grant_id: UUID
    kind: GrantKind
    amount: Millicredits
    expires_at: datetime | None = None
    description: str = ""
    reference: str | None = None
    granted_by: str = "system"


@dataclass(frozen=True)
class WithdrawCredits:
    """Take `amount` back, all of it or nothing."""

    adjustment_id: UUID
    amount: Millicredits
    description: str
    withdrawn_by: str


@dataclass(frozen=True)
class ReserveCredits:
    """Billing prices the items itself, by its current card: what the requester thinks they cost is no argument.

    `limits` are the account's (None: unlimited); `month` is `2026-01`.
    """

    operation_id: UUID
    function: Function
    items: tuple[OperationItem, ...]
    card: RateCard
    expires_at: datetime
    origin: Origin
    month: str
    limits: Limits | None


@dataclass(frozen=True)
class SettleItem:
    """An item has its result. `cards` are all published cards: the one of the reservation prices it."""

    operation_id: UUID
    item_id: UUID
    charge: Charge
    usage: Usage
    cards: Mapping[int, RateCard]


@dataclass(frozen=True)
class ReleaseItems:
    """Items ended without a result and cost nothing; `item_id` None is all that are open."""

    operation_id: UUID
    item_id: UUID | None
    reason: Literal["failed", "cancelled"]
    error_code: str | None = None
    provider_cost_micro_usd: int = 0


@dataclass(frozen=True)
class ExpireReservation:
    operation_id: UUID
    at: datetime


@dataclass(frozen=True)
class ExpireGrant:
    grant_id: UUID
    at: datetime


WalletCommand = (
    GrantCredits
    | WithdrawCredits
    | ReserveCredits
    | SettleItem
    | ReleaseItems
    | ExpireReservation
    | ExpireGrant
)


def decide(command: WalletCommand, wallet: Wallet) -> Sequence[WalletEvent]:
    match command:
        case GrantCredits():
            return grant(command, wallet)
        case WithdrawCredits():
            return withdraw(command, wallet)
        case ReserveCredits():
            return reserve(command, wallet)
        case SettleItem():
            return settle(command, wallet)
        case ReleaseItems():
            return release(command, wallet)
        case ExpireReservation():
            return expire_reservation(command, wallet)
        case ExpireGrant():
            return expire_grant(command, wallet)
        case _:
            assert_never(command)


def grant(command: GrantCredits, wallet: Wallet) -> list[WalletEvent]:
    if command.grant_id in wallet.grants or command.grant_id in wallet.closed:
        return []
    if command.amount <= 0:
        raise GrantNotPositive(f"A grant must be more than 0 credits, not {command.amount / 1000}.")
    return [
        CreditsGranted(
            grant_id=command.grant_id,
            kind=command.kind,
            amount=command.amount,
            balance=wallet.balance + command.amount,
            available=wallet.available + command.amount,
            priority=SPENT_FIRST[command.kind],
            expires_at=command.expires_at,
            description=command.description,
            reference=command.reference,
            granted_by=command.granted_by,
        )
    ]


def withdraw(command: WithdrawCredits, wallet: Wallet) -> list[WalletEvent]:
    """Only of what is available, so that running operations stay paid. Raises `MoreThanAvailable`."""
    if command.adjustment_id in wallet.closed:
        return []
    if command.amount <= 0:
        raise WithdrawalNotPositive(
            f"A withdrawal must be more than 0 credits, not {credits(command.amount)}."
        )
    if command.amount > wallet.available:
        raise MoreThanAvailable(
            f"{credits(command.amount)} credits were to be taken, {credits(wallet.available)} are available."
            " Take less, or wait until running operations have released theirs.",
            needed=credits(command.amount),
            available=credits(wallet.available),
        )
    # What is left of a grant that is over belongs to reservations, as `_expire_freed` sees to.
    running = [grant for grant in wallet.grants.values() if not grant.lapsed]
    return [
        CreditsWithdrawn(
            adjustment_id=command.adjustment_id,
            amount=command.amount,
            balance=wallet.balance - command.amount,
            available=wallet.available - command.amount,
            shares=_shares(running, command.amount),
            description=command.description,
            withdrawn_by=command.withdrawn_by,
        )
    ]


def reserve(command: ReserveCredits, wallet: Wallet) -> list[WalletEvent]:
    """All items or none."""
    if command.operation_id in wallet.reservations or command.operation_id in wallet.closed:
        return []
    items = {item.item_id: _at_most(command.card, item.charge) for item in command.items}
    amount = sum(items.values())
    used, counts = used_so_far(wallet, command.month), counts_by_item(command.items)
    asked = total(counts.values())
    reached = limit_reached(command.limits, used, asked)
    if reached is not None or amount > wallet.available:
        return [
            CreditsRefused(
                operation_id=command.operation_id,
                function=command.function,
                needed=amount,
                available=wallet.available,
                reached=reached,
            )
        ]
    return [
        CreditsReserved(
            operation_id=command.operation_id,
            function=command.function,
            items=items,
            amount=amount,
            balance=wallet.balance,
            available=wallet.available - amount,
            card_version=command.card.version,
            expires_at=command.expires_at,
            origin=command.origin,
            month=used.month,
            counts=counts,
            used=moved(used, asked) if counts else None,
        )
    ]


def settle(command: SettleItem, wallet: Wallet) -> list[WalletEvent]:
    """Charge one item, at most its maximum; with the last one the rest is released. Raises `OperationUnknown`."""
    reservation = _reservation(wallet, command.operation_id)
    if reservation is None or command.item_id not in reservation.open:
        return []
    maximum = reservation.open[command.item_id]
    full = _price_or(maximum, command.cards[reservation.card_version], command.charge)
    due = min(full, maximum)
    amount = min(due, wallet.available) if reservation.expired else due
    made = made_of(reservation, command.item_id, command.charge)
    held = 0 if reservation.expired else reservation.held - amount
    deducted = CreditsDeducted(
        operation_id=command.operation_id,
        item_id=command.item_id,
        function=reservation.function,
        amount=amount,
        balance=wallet.balance - amount,
        available=wallet.available - amount if reservation.expired else wallet.available,
        held=held,
        maximum=maximum,
        price=full,
        card_version=reservation.card_version,
        charge=command.charge,
        usage=command.usage,
        shares=_shares(wallet.grants.values(), amount),
        origin=reservation.origin,
        used=used_after(wallet, reservation, (command.item_id,), made),
    )
    if amount < due:
        lost = CreditsWrittenOff(
            operation_id=command.operation_id, item_id=command.item_id, amount=due - amount
        )
        return [deducted, lost]
    if held and len(reservation.open) == 1:
        after = evolve(wallet, deducted)
        return [deducted, *_give_back(after, command.operation_id, (), held, "settled")]
    return [deducted]


def release(command: ReleaseItems, wallet: Wallet) -> list[WalletEvent]:
    """Give back what is held for items without a result. Raises `OperationUnknown`."""
    reservation = _reservation(wallet, command.operation_id)
    if reservation is None:
        return []
    items = tuple(reservation.open) if command.item_id is None else (command.item_id,)
    if not all(item in reservation.open for item in items):
        return []
    last = len(items) == len(reservation.open)
    amount = reservation.held if last or reservation.expired else reservation.open[items[0]]
    return _give_back(
        wallet,
        command.operation_id,
        items,
        amount,
        command.reason,
        error_code=command.error_code,
        provider_cost_micro_usd=command.provider_cost_micro_usd,
    )


def expire_reservation(command: ExpireReservation, wallet: Wallet) -> list[WalletEvent]:
    """No outcome came in time: the credits are free again, and the items are remembered for an outcome that comes late."""
    reservation = wallet.reservations.get(command.operation_id)
    if reservation is None or reservation.expired or command.at < reservation.expires_at:
        return []
    return _give_back(wallet, command.operation_id, (), reservation.held, "expired")


def expire_grant(command: ExpireGrant, wallet: Wallet) -> list[WalletEvent]:
    found = wallet.grants.get(command.grant_id)
    if found is None or found.lapsed or found.expires_at is None or command.at < found.expires_at:
        return []
    held_elsewhere = sum(grant.left for grant in wallet.grants.values() if grant.lapsed)
    held_here = max(0, wallet.reserved - held_elsewhere)
    return [_expired(wallet, command.grant_id, max(0, found.left - held_here))]


def _reservation(wallet: Wallet, operation_id: UUID) -> Reservation | None:
    """None when the operation is over."""
    if operation_id in wallet.closed:
        return None
    if operation_id not in wallet.reservations:
        raise OperationUnknown(
            f"Operation {operation_id} was not requested yet.", operation_id=str(operation_id)
        )
    return wallet.reservations[operation_id]


def _at_most(card: RateCard, charge: Charge) -> Millicredits:
    """An image's model may have gone from the card since it was asked for: then as much as the dearest one."""
    return _price_or(charge.units * max(card.image_by_model.values(), default=0), card, charge)


def _price_or(maximum: Millicredits, card: RateCard, charge: Charge) -> Millicredits:
    """The image may have come from another model than was asked for; without a price the agreed maximum counts."""
    try:
        return price(card, charge)
    except UnknownImageModel:
        return maximum


def _shares(grants: Iterable[Grant], amount: Millicredits) -> tuple[Share, ...]:
    """Which grants pay: those past their end first, then by priority, then by expiry."""
    shares = []
    order = sorted(
        grants,
        key=lambda g: (not g.lapsed, g.priority, g.expires_at or _NEVER, g.grant_id),
    )
    for source in order:
        if amount == 0:
            break
        taken = min(source.left, amount)
        shares.append(Share(source.grant_id, taken))
        amount -= taken
    return tuple(shares)


def _give_back(
    wallet: Wallet,
    operation_id: UUID,
    items: tuple[UUID, ...],
    amount: Millicredits,
    reason: Literal["settled", "failed", "expired", "cancelled"],
    *,
    error_code: str | None = None,
    provider_cost_micro_usd: int = 0,
) -> list[WalletEvent]:
    """Release `amount` of a reservation; what belongs to grants that are over expires with it."""
    reservation = wallet.reservations[operation_id]
    released = CreditsReleased(
        operation_id=operation_id,
        function=reservation.function,
        items=items,
        amount=amount,
        reason=reason,
        balance=wallet.balance,
        available=wallet.available + amount,
        held=reservation.held - amount,
        error_code=error_code,
        provider_cost_micro_usd=provider_cost_micro_usd,
        used=used_after(wallet, reservation, reservation.open if reason == "expired" else items),
    )
    return [released, *_expire_freed(evolve(wallet, released))]


def _expire_freed(wallet: Wallet) -> list[WalletEvent]:
    """What no reservation holds any more of grants that are over."""
    events: list[WalletEvent] = []
    lapsed = [grant for grant in wallet.grants.values() if grant.lapsed]
    free = sum(grant.left for grant in lapsed) - wallet.reserved
    for over in sorted(lapsed, key=lambda g: g.grant_id):
        amount = min(over.left, free)
        if amount <= 0:
            break
        events.append(_expired(wallet, over.grant_id, amount))
        wallet = evolve(wallet, events[-1])
        free -= amount
    return events


def _expired(wallet: Wallet, grant_id: UUID, amount: Millicredits) -> CreditsExpired:
    return CreditsExpired(
        grant_id=grant_id,
        amount=amount,
        balance=wallet.balance - amount,
        available=wallet.available - amount,
    )


WALLET: Decider[Wallet, WalletCommand] = Decider(
    category="wallet",
    initial=Wallet(),
    evolve=evolve,
    decide=decide,
    types=EventTypes(
        (
            CreditsGranted,
            CreditsReserved,
            CreditsRefused,
            CreditsDeducted,
            CreditsReleased,
            CreditsExpired,
            CreditsWrittenOff,
            CreditsWithdrawn,
        )
    ),
    snapshot=SNAPSHOT,
)
