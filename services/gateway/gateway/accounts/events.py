"""What can happen to an account, and what is then true. Every one of these facts is public (see `publish.py`).

Names of people and accounts are stored encrypted with the account's data key (`…_cipher`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, assert_never
from uuid import UUID

from common.contracts.gateway import AccountStatus, Module, Role, SecretRef
from common.eventsourcing.event import Event
from rpds import HashTrieMap

SiteActivity = Literal["active", "paused"]
MODULES: Mapping[Module, bool] = {
    "planner": True,
    "writer": True,
    "automation": True,
    "linker": False,
    "optimizer": False,
    "publisher": True,
    "integration": True,
}
"""Whether each is on in a new account (PRODUCT §8)."""


class AccountRegistered(Event, frozen=True):
    account_id: UUID
    slug: str
    name_cipher: str
    status: AccountStatus
    trial_ends_at: str
    """RFC 3339, UTC."""


class AccountChanged(Event, frozen=True):
    account_id: UUID
    slug: str
    name_cipher: str


class AccountStatusChanged(Event, frozen=True):
    status: AccountStatus


class AccountErased(Event, frozen=True):
    """The last fact of an account, and the only one that is left of it. Its slugs are told by their SHA-256 (hex)."""

    account_id: UUID
    slug_hashes: tuple[str, ...]


class ModuleToggled(Event, frozen=True):
    module: Module
    enabled: bool


class MembershipChanged(Event, frozen=True):
    user_id: UUID
    role: Role
    active: bool = True


class SiteAccessChanged(Event, frozen=True):
    """The sites that an editor or viewer sees: all of them, not what was added."""

    user_id: UUID
    site_ids: tuple[UUID, ...]


class SiteAdded(Event, frozen=True):
    site_id: UUID
    name: str
    slug: str
    domain: str
    industry: str = ""
    status: SiteActivity = "active"
    is_active: bool = True
    editors_approve: bool = False


class SiteChanged(Event, frozen=True):
    site_id: UUID
    name: str
    slug: str
    domain: str
    industry: str
    status: SiteActivity
    is_active: bool
    editors_approve: bool = False
    default_sector: UUID | None = None


class SiteArchived(Event, frozen=True):
    site_id: UUID


class SiteRestored(Event, frozen=True):
    """Carries the whole site: a replica that kept only a tombstone needs it again."""

    site_id: UUID
    name: str
    slug: str
    domain: str
    industry: str
    status: SiteActivity
    is_active: bool
    editors_approve: bool = False
    default_sector: UUID | None = None


class SiteWordPressConfigured(Event, frozen=True):
    site_id: UUID
    url: str
    username: str
    secret: SecretRef


class SectorAdded(Event, frozen=True):
    sector_id: UUID
    site_id: UUID
    name: str
    slug: str
    industry_sector: str = ""
    is_active: bool = True


class SectorChanged(Event, frozen=True):
    sector_id: UUID
    site_id: UUID
    name: str
    slug: str
    industry_sector: str
    is_active: bool


class SectorArchived(Event, frozen=True):
    sector_id: UUID
    site_id: UUID


class SectorRestored(Event, frozen=True):
    sector_id: UUID
    site_id: UUID
    name: str
    slug: str
    industry_sector: str
    is_active: bool


AccountEvent = (
    AccountRegistered
    | AccountChanged
    | AccountStatusChanged
    | AccountErased
    | ModuleToggled
    | MembershipChanged
    | SiteAccessChanged
    | SiteAdded
    | SiteChanged
    | SiteArchived
    | SiteRestored
    | SiteWordPressConfigured
    | SectorAdded
    | SectorChanged
    | SectorArchived
    | SectorRestored
)


@dataclass(frozen=True)
class WordPress:
    """How a site's WordPress is reached; the publisher owns the connection."""

    url: str
    username: str
    secret: SecretRef


@dataclass(frozen=True)
class Site:
    name: str
    slug: str
    domain: str
    industry: str
    status: SiteActivity
    is_active: bool
    editors_approve: bool = False
    """Its editors approve and publish too."""
    default_sector: UUID | None = None
    archived: bool = False
    wordpress: WordPress | None = None


@dataclass(frozen=True)
class Sector:
    site_id: UUID
    name: str
    slug: str
    industry_sector: str
    is_active: bool
    archived: bool = False


@dataclass(frozen=True)
class Member:
    """Who was taken out stays known, with what it was granted: it may come back."""

    role: Role
    active: bool = True
    site_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class NotRegistered:
    """Nobody has registered it, or it was erased."""


@dataclass(frozen=True)
class Account:
    slug: str
    status: AccountStatus
    name_cipher: str
    sites: "HashTrieMap[UUID, Site]" = field(default_factory=HashTrieMap)
    sectors: "HashTrieMap[UUID, Sector]" = field(default_factory=HashTrieMap)
    members: "HashTrieMap[UUID, Member]" = field(default_factory=HashTrieMap)
    modules: Mapping[Module, bool] = field(default_factory=lambda: MODULES)


AccountState = NotRegistered | Account


def evolve(state: AccountState, event: AccountEvent) -> AccountState:
    if isinstance(event, AccountRegistered):
        return Account(event.slug, event.status, event.name_cipher)
    if isinstance(state, NotRegistered) or isinstance(event, AccountErased):
        return NotRegistered()
    match event:
        case AccountChanged(_, slug, name_cipher):
            return replace(state, slug=slug, name_cipher=name_cipher)
        case AccountStatusChanged(status):
            return replace(state, status=status)
        case ModuleToggled(module, enabled):
            return replace(state, modules={**state.modules, module: enabled})
        case MembershipChanged(user_id, role, active):
            site_ids = state.members[user_id].site_ids if user_id in state.members else ()
            return _with_member(state, user_id, Member(role, active, site_ids))
        case SiteAccessChanged(user_id, site_ids):
            return _with_member(state, user_id, replace(state.members[user_id], site_ids=site_ids))
        case SiteAdded(site_id, name, slug, domain, industry, status, is_active, editors_approve):
            site = Site(name, slug, domain, industry, status, is_active, editors_approve)
            return _with_site(state, site_id, site)
        case SiteChanged(
            site_id, name, slug, domain, industry, status, is_active, editors_approve, default_sector
        ) | SiteRestored(
            site_id, name, slug, domain, industry, status, is_active, editors_approve, default_sector
        ):
            wordpress = state.sites[site_id].wordpress
            site = Site(
                name,
                slug,
                domain,
                industry,
                status,
                is_active,
                editors_approve,
                default_sector,
                wordpress=wordpress,
            )
            return _with_site(state, site_id, site)
        case SiteArchived(site_id):
            return _with_site(state, site_id, replace(state.sites[site_id], archived=True))
        case SiteWordPressConfigured(site_id, url, username, secret):
            wordpress = WordPress(url, username, secret)
            return _with_site(state, site_id, replace(state.sites[site_id], wordpress=wordpress))
        case (
            SectorAdded(sector_id, site_id, name, slug, industry_sector, is_active)
            | SectorChanged(sector_id, site_id, name, slug, industry_sector, is_active)
            | SectorRestored(sector_id, site_id, name, slug, industry_sector, is_active)
        ):
            return _with_sector(state, sector_id, Sector(site_id, name, slug, industry_sector, is_active))
        case SectorArchived(sector_id, site_id):
            site = state.sites[site_id]
            if site.default_sector == sector_id:
                state = _with_site(state, site_id, replace(site, default_sector=None))
            return _with_sector(state, sector_id, replace(state.sectors[sector_id], archived=True))
    assert_never(event)


def _with_member(account: Account, user_id: UUID, member: Member) -> Account:
    return replace(account, members=account.members.insert(user_id, member))


def _with_site(account: Account, site_id: UUID, site: Site) -> Account:
    return replace(account, sites=account.sites.insert(site_id, site))


def _with_sector(account: Account, sector_id: UUID, sector: Sector) -> Account:
    return replace(account, sectors=account.sectors.insert(sector_id, sector))
