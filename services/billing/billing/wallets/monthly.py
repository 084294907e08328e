"""What operations take of the limits of a month: pure, asked by the wallet's decisions."""

from collections.abc import Iterable
from uuid import UUID

from common.contracts.billing import MonthlyUse
from common.contracts.operations import Charge, OperationItem
from common.plan_limits import NOTHING, Counts, counts_of, moved, total, used_in

from billing.wallets.events import Reservation, Wallet


def used_so_far(wallet: Wallet, month: str) -> MonthlyUse:
    """Of `month`, or of a later one that the wallet knows: a transaction that began before a month did may come after
    one that began in it."""
    return used_in(month if wallet.used is None else max(month, wallet.used.month), wallet.used)


def counts_by_item(items: Iterable[OperationItem]) -> dict[UUID, Counts]:
    """Of the items that count at all."""
    return {item.item_id: counts for item in items if (counts := counts_of(item.charge)) != NOTHING}


def used_after(
    wallet: Wallet, reservation: Reservation, ended: Iterable[UUID], made: Counts = NOTHING
) -> MonthlyUse | None:
    """With what the `ended` items have made in place of what was reserved for them; None where that changes nothing.

    A month that is over is not counted any more, and an expired reservation has given back what it had.
    """
    if wallet.used is None or wallet.used.month != reservation.month:
        return None
    held = NOTHING if reservation.expired else total(reservation.counts.get(id, NOTHING) for id in ended)
    return None if made == held else moved(wallet.used, made - held)


def made_of(reservation: Reservation, item_id: UUID, charge: Charge) -> Counts:
    """What an item's result takes: as of its price, never more than was reserved for it."""
    asked, made = reservation.counts.get(item_id, NOTHING), counts_of(charge)
    return Counts(asked.ai_requests, min(asked.words, made.words), min(asked.images, made.images))
