"""Facts and commands of a wallet with what does not matter filled in."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from billing.rates.default_card import DEFAULT_CARD
from billing.wallets.decisions import (
    WALLET,
    GrantCredits,
    ReleaseItems,
    ReserveCredits,
    SettleItem,
    WalletCommand,
    WithdrawCredits,
)
from billing.wallets.events import (
    CreditsDeducted,
    CreditsExpired,
    CreditsGranted,
    CreditsRefused,
    CreditsReleased,
    CreditsReserved,
    CreditsWithdrawn,
    Origin,
    Share,
    Wallet,
)
from common.contracts.billing import Limits
from common.contracts.operations import Charge, OperationItem, Usage
from common.eventsourcing.event import Event
from msgspec import structs

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=2)
ORIGIN = Origin(site_id=UUID(int=101), sector_id=UUID(int=102), user_id=UUID(int=103), run_id=UUID(int=104))
USAGE = Usage(provider="local", model="local", calls=1, cost_micro_usd=7)
GRANT, OTHER_GRANT = UUID(int=1), UUID(int=2)
ADJUSTMENT = UUID(int=3)
A, B = UUID(int=11), UUID(int=12)
I1, I2 = UUID(int=21), UUID(int=22)


def _credits_alone(command: WalletCommand, wallet: Wallet) -> Sequence[Event]:
    def without_use(event: Event) -> Event:
        plain: dict[str, Any] = {"month": "", "counts": {}, "used": None}
        there = {name: plain[name] for name in plain if name in event.__struct_fields__}
        return structs.replace(event, **there)

    return [without_use(event) for event in WALLET.decide(command, wallet)]


CREDITS = replace(WALLET, decide=_credits_alone)
"""The wallet without what it says of a month's limits: that is test_monthly_use.py."""


def words(units: int) -> Charge:
    return Charge(kind="content_words", units=units)


def granted(amount: int, *, id: UUID = GRANT, before: int = 0, **more: Any) -> CreditsGranted:
    facts: dict[str, Any] = {"kind": "plan", "priority": 10, "available": before + amount, **more}
    return CreditsGranted(grant_id=id, amount=amount, balance=before + amount, **facts)


def reserved(id: UUID, items: dict[UUID, int], *, balance: int, available: int) -> CreditsReserved:
    return CreditsReserved(
        operation_id=id,
        function="generate_content",
        items=items,
        amount=sum(items.values()),
        balance=balance,
        available=available,
        card_version=1,
        expires_at=LATER,
        origin=ORIGIN,
    )


def refused(id: UUID, needed: int, available: int) -> CreditsRefused:
    return CreditsRefused(operation_id=id, function="generate_content", needed=needed, available=available)


def deducted(
    id: UUID,
    item: UUID,
    amount: int,
    *,
    balance: int,
    available: int,
    held: int,
    maximum: int,
    charge: Charge,
    price: int | None = None,
    shares: tuple[Share, ...] | None = None,
) -> CreditsDeducted:
    return CreditsDeducted(
        operation_id=id,
        item_id=item,
        function="generate_content",
        amount=amount,
        balance=balance,
        available=available,
        held=held,
        maximum=maximum,
        price=amount if price is None else price,
        card_version=1,
        charge=charge,
        usage=USAGE,
        shares=((Share(GRANT, amount),) if amount else ()) if shares is None else shares,
        origin=ORIGIN,
    )


def released(
    id: UUID,
    items: tuple[UUID, ...],
    amount: int,
    reason: Any,
    *,
    balance: int,
    available: int,
    held: int,
    **more: Any,
) -> CreditsReleased:
    return CreditsReleased(
        operation_id=id,
        function="generate_content",
        items=items,
        amount=amount,
        reason=reason,
        balance=balance,
        available=available,
        held=held,
        **more,
    )


def expired(id: UUID, amount: int, *, balance: int, available: int) -> CreditsExpired:
    return CreditsExpired(grant_id=id, amount=amount, balance=balance, available=available)


def withdrawn(amount: int, *, balance: int, available: int, shares: tuple[Share, ...]) -> CreditsWithdrawn:
    return CreditsWithdrawn(
        adjustment_id=ADJUSTMENT,
        amount=amount,
        balance=balance,
        available=available,
        shares=shares,
        description="Given twice",
        withdrawn_by="user:1",
    )


def withdraw(amount: int) -> WithdrawCredits:
    return WithdrawCredits(ADJUSTMENT, amount, "Given twice", "user:1")


def grant(amount: int, *, id: UUID = GRANT, **more: Any) -> GrantCredits:
    return GrantCredits(grant_id=id, kind=more.pop("kind", "plan"), amount=amount, **more)


def reserve(
    id: UUID, *, month: str = "2026-01", limits: Limits | None = None, **items: int
) -> ReserveCredits:
    """`i1=words` and `i2=words`."""
    ids = {"i1": I1, "i2": I2}
    return ReserveCredits(
        operation_id=id,
        function="generate_content",
        items=tuple(OperationItem(item_id=ids[name], charge=words(units)) for name, units in items.items()),
        card=DEFAULT_CARD,
        expires_at=LATER,
        origin=ORIGIN,
        month=month,
        limits=limits,
    )


def settle(id: UUID, item: UUID, charge: Charge) -> SettleItem:
    return SettleItem(id, item, charge, USAGE, {1: DEFAULT_CARD})


def fail(id: UUID, item: UUID | None = None) -> ReleaseItems:
    return ReleaseItems(id, item, "failed", "AI_REFUSED", 5)


def cancel(id: UUID) -> ReleaseItems:
    return ReleaseItems(id, None, "cancelled")
