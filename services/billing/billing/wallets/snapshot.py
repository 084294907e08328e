"""How a wallet is kept: an account's stream grows with every operation it pays for."""

from uuid import UUID

import msgspec
from common.contracts.billing import MonthlyUse
from common.contracts.operations import Millicredits
from common.eventsourcing.decider import Snapshot
from rpds import HashTrieMap

from billing.wallets.closed import ClosedIds
from billing.wallets.events import Grant, Reservation, Wallet


class _Kept(msgspec.Struct, frozen=True):
    balance: Millicredits
    reserved: Millicredits
    grants: tuple[Grant, ...]
    reservations: dict[UUID, Reservation]
    closed: bytes
    used: MonthlyUse | None


def _encode(wallet: Wallet) -> bytes:
    return msgspec.json.encode(
        _Kept(
            wallet.balance,
            wallet.reserved,
            tuple(wallet.grants.values()),
            dict(wallet.reservations.items()),
            wallet.closed.packed(),
            wallet.used,
        )
    )


def _decode(text: str) -> Wallet:
    kept = _decoder.decode(text)
    return Wallet(
        kept.balance,
        kept.reserved,
        HashTrieMap({grant.grant_id: grant for grant in kept.grants}),
        HashTrieMap(kept.reservations),
        ClosedIds(kept.closed),
        kept.used,
    )


_decoder = msgspec.json.Decoder(_Kept)

SNAPSHOT = Snapshot("wallet.3", _encode, _decode)
