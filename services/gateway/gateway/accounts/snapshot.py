"""How the state of an account is kept: its stream grows with every change of a site, a sector or a member."""

from uuid import UUID

import msgspec
from common.contracts.gateway import AccountStatus, Module
from common.eventsourcing.decider import Snapshot
from rpds import HashTrieMap

from gateway.accounts.events import Account, AccountState, Member, NotRegistered, Sector, Site


class _Kept(msgspec.Struct, frozen=True):
    slug: str
    status: AccountStatus
    name_cipher: str
    sites: dict[UUID, Site]
    sectors: dict[UUID, Sector]
    members: dict[UUID, Member]
    modules: dict[Module, bool]


def _encode(account: AccountState) -> bytes:
    if isinstance(account, NotRegistered):
        return b"null"
    return msgspec.json.encode(
        _Kept(
            account.slug,
            account.status,
            account.name_cipher,
            dict(account.sites.items()),
            dict(account.sectors.items()),
            dict(account.members.items()),
            dict(account.modules),
        )
    )


def _decode(text: str) -> AccountState:
    kept = _decoder.decode(text)
    if kept is None:
        return NotRegistered()
    return Account(
        kept.slug,
        kept.status,
        kept.name_cipher,
        HashTrieMap(kept.sites),
        HashTrieMap(kept.sectors),
        HashTrieMap(kept.members),
        kept.modules,
    )


_decoder = msgspec.json.Decoder(_Kept | None)

SNAPSHOT = Snapshot("account.1", _encode, _decode)
