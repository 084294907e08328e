"""What can happen to a wallet, and what is then true. Amounts are millicredits.

`balance` and `available` of an event are what holds after it: its public form needs them, and a fact stands alone.
The maps of the state share their structure from one state to the next, since a wallet is folded over all its operations:
copying a set of closed operations at every event would make a fold quadratic.
"""

from datetime import datetime
from typing import Literal, assert_never
from uuid import UUID

import msgspec
from common.contracts.billing import GrantKind, LimitReached, MonthlyUse
from common.contracts.operations import Charge, Function, Millicredits, Usage
from common.eventsourcing.event import Event
from common.plan_limits import Counts
from msgspec.structs import replace
from rpds import HashTrieMap

from billing.wallets.closed import ClosedIds

ReleaseReason = Literal["settled", "failed", "expired", "cancelled"]


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where an operation came from: what "why was I charged" answers with."""

    site_id: UUID
    sector_id: UUID
    user_id: UUID | None = None
    api_key_id: UUID | None = None
    rule_id: UUID | None = None
    run_id: UUID | None = None


class Share(msgspec.Struct, frozen=True):
    """What one grant paid of a charge."""

    grant_id: UUID
    amount: Millicredits


class CreditsGranted(Event, frozen=True, kw_only=True):
    """Grants of low `priority` are spent first, among equals the one that expires first."""

    grant_id: UUID
    kind: GrantKind
    amount: Millicredits
    balance: Millicredits
    available: Millicredits
    priority: int
    expires_at: datetime | None = None
    description: str = ""
    reference: str | None = None
    granted_by: str = "system"


class CreditsReserved(Event, frozen=True, kw_only=True):
    """`items` holds the most each item can cost by the card of `card_version`, by which it will also be settled.

    `counts` holds the most that each item can take of `month`'s limits, also where it will end later; `used` is what
    holds of the month after it, here as in the other facts (None: as before).
    """

    operation_id: UUID
    function: Function
    items: dict[UUID, Millicredits]
    amount: Millicredits
    balance: Millicredits
    available: Millicredits
    card_version: int
    expires_at: datetime
    origin: Origin
    month: str = ""
    counts: dict[UUID, Counts] = msgspec.field(default_factory=dict)
    used: MonthlyUse | None = None


class CreditsRefused(Event, frozen=True, kw_only=True):
    """`reached` is a limit of the plan that had no room for it; None: the credits did not suffice."""

    operation_id: UUID
    function: Function
    needed: Millicredits
    available: Millicredits
    reached: LimitReached | None = None


class CreditsDeducted(Event, frozen=True, kw_only=True):
    """One item was charged. `price` is what the card says, `amount` what was taken: never more than was reserved for the
    item, nor, after the reservation expired, than was available. `held` is what the reservation still holds."""

    operation_id: UUID
    item_id: UUID
    function: Function
    amount: Millicredits
    balance: Millicredits
    available: Millicredits
    held: Millicredits
    maximum: Millicredits
    price: Millicredits
    card_version: int
    charge: Charge
    usage: Usage
    shares: tuple[Share, ...]
    origin: Origin
    used: MonthlyUse | None = None


class CreditsReleased(Event, frozen=True, kw_only=True):
    """`items` ended without a charge (none: the rest of a settled operation). `amount` is 0 when nothing was held any more."""

    operation_id: UUID
    function: Function
    items: tuple[UUID, ...]
    amount: Millicredits
    reason: ReleaseReason
    balance: Millicredits
    available: Millicredits
    held: Millicredits
    error_code: str | None = None
    provider_cost_micro_usd: int = 0
    used: MonthlyUse | None = None


class CreditsExpired(Event, frozen=True, kw_only=True):
    """A grant is over, less what reservations still hold of it; that expires when they release it (again this event)."""

    grant_id: UUID
    amount: Millicredits
    balance: Millicredits
    available: Millicredits


class CreditsWrittenOff(Event, frozen=True, kw_only=True):
    operation_id: UUID
    item_id: UUID
    amount: Millicredits


class CreditsWithdrawn(Event, frozen=True, kw_only=True):
    """Staff took credits back that nothing had reserved; `shares` says from which grants."""

    adjustment_id: UUID
    amount: Millicredits
    balance: Millicredits
    available: Millicredits
    shares: tuple[Share, ...]
    description: str
    withdrawn_by: str


WalletEvent = (
    CreditsGranted
    | CreditsReserved
    | CreditsRefused
    | CreditsDeducted
    | CreditsReleased
    | CreditsExpired
    | CreditsWrittenOff
    | CreditsWithdrawn
)


class Grant(msgspec.Struct, frozen=True):
    """What is left of a grant; `lapsed` once its end has come."""

    grant_id: UUID
    priority: int
    left: Millicredits
    expires_at: datetime | None
    lapsed: bool = False


class Reservation(msgspec.Struct, frozen=True):
    """An operation on its way: `open` has the most each item without an outcome can cost, `counts` the most that each
    can take of the limits of `month`, in which it was asked for."""

    function: Function
    open: dict[UUID, Millicredits]
    held: Millicredits
    card_version: int
    expires_at: datetime
    origin: Origin
    expired: bool = False
    month: str = ""
    counts: dict[UUID, Counts] = msgspec.field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return not self.open and self.held == 0


class Wallet(msgspec.Struct, frozen=True):
    """`grants` have something left, `reservations` an item without an outcome; `closed` are the operations (settled, released
    or refused) and grants that are over, and the withdrawals. `used` is of the last month in which anything was reserved."""

    balance: Millicredits = 0
    reserved: Millicredits = 0
    grants: "HashTrieMap[UUID, Grant]" = HashTrieMap()
    reservations: "HashTrieMap[UUID, Reservation]" = HashTrieMap()
    closed: ClosedIds = ClosedIds()
    used: MonthlyUse | None = None

    @property
    def available(self) -> Millicredits:
        return self.balance - self.reserved


def evolve(wallet: Wallet, event: WalletEvent) -> Wallet:
    match event:
        case CreditsGranted():
            grant = Grant(event.grant_id, event.priority, event.amount, event.expires_at)
            return replace(
                wallet,
                balance=wallet.balance + event.amount,
                grants=wallet.grants.insert(event.grant_id, grant),
            )
        case CreditsReserved():
            reservation = Reservation(
                event.function,
                event.items,
                event.amount,
                event.card_version,
                event.expires_at,
                event.origin,
                month=event.month,
                counts=event.counts,
            )
            return _keep(_using(wallet, event.used), event.operation_id, reservation, held_before=0)
        case CreditsRefused():
            return replace(wallet, closed=wallet.closed.insert(event.operation_id))
        case CreditsDeducted():
            for share in event.shares:
                wallet = _spend(wallet, share.grant_id, share.amount)
            return _end_items(_using(wallet, event.used), event.operation_id, (event.item_id,), event.held)
        case CreditsReleased(reason="expired"):
            reservation = replace(wallet.reservations[event.operation_id], held=0, expired=True)
            wallet = _using(wallet, event.used)
            return _keep(wallet, event.operation_id, reservation, held_before=event.amount)
        case CreditsReleased():
            return _end_items(_using(wallet, event.used), event.operation_id, event.items, event.held)
        case CreditsExpired():
            lapsed = replace(wallet.grants[event.grant_id], lapsed=True)
            wallet = replace(wallet, grants=wallet.grants.insert(event.grant_id, lapsed))
            return _spend(wallet, event.grant_id, event.amount)
        case CreditsWrittenOff():
            return wallet
        case CreditsWithdrawn():
            for share in event.shares:
                wallet = _spend(wallet, share.grant_id, share.amount)
            return replace(wallet, closed=wallet.closed.insert(event.adjustment_id))
        case _:
            assert_never(event)


def _using(wallet: Wallet, used: MonthlyUse | None) -> Wallet:
    return wallet if used is None else replace(wallet, used=used)


def _spend(wallet: Wallet, grant_id: UUID, amount: Millicredits) -> Wallet:
    grant = wallet.grants[grant_id]
    balance = wallet.balance - amount
    if grant.left == amount:
        return replace(
            wallet,
            balance=balance,
            grants=wallet.grants.remove(grant_id),
            closed=wallet.closed.insert(grant_id),
        )
    left = replace(grant, left=grant.left - amount)
    return replace(wallet, balance=balance, grants=wallet.grants.insert(grant_id, left))


def _end_items(wallet: Wallet, operation_id: UUID, items: tuple[UUID, ...], held: Millicredits) -> Wallet:
    before = wallet.reservations[operation_id]
    open_items = {item: maximum for item, maximum in before.open.items() if item not in items}
    return _keep(wallet, operation_id, replace(before, open=open_items, held=held), held_before=before.held)


def _keep(wallet: Wallet, operation_id: UUID, after: Reservation, *, held_before: Millicredits) -> Wallet:
    reserved = wallet.reserved + after.held - held_before
    if after.is_over:
        return replace(
            wallet,
            reserved=reserved,
            reservations=wallet.reservations.discard(operation_id),
            closed=wallet.closed.insert(operation_id),
        )
    return replace(wallet, reserved=reserved, reservations=wallet.reservations.insert(operation_id, after))
