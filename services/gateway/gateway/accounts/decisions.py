"""What may be decided about an account, its sites and sectors; no I/O, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never
from uuid import UUID

from common.contracts.gateway import AccountStatus, Module, Role, SecretRef
from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes
from common.ids import SYSTEM_ACCOUNT
from common.plan_limits import require_room
from msgspec import UNSET, UnsetType

from gateway.accounts.events import (
    Account,
    AccountChanged,
    AccountErased,
    AccountEvent,
    AccountRegistered,
    AccountState,
    AccountStatusChanged,
    Member,
    MembershipChanged,
    ModuleToggled,
    NotRegistered,
    Sector,
    SectorAdded,
    SectorArchived,
    SectorChanged,
    SectorRestored,
    Site,
    SiteAccessChanged,
    SiteActivity,
    SiteAdded,
    SiteArchived,
    SiteChanged,
    SiteRestored,
    SiteWordPressConfigured,
    WordPress,
    evolve,
)
from gateway.accounts.snapshot import SNAPSHOT

MOST_ACTIVE_SECTORS = 5
"""Of a site (PRODUCT §1)."""
SEES_GRANTED_SITES: tuple[Role, ...] = ("editor", "viewer")
"""The roles that see the sites granted to them; the others see all."""


class AccountMissing(DomainError):
    code, status = "NOT_FOUND", 404


class SiteMissing(DomainError):
    code, status = "NOT_FOUND", 404


class SectorMissing(DomainError):
    code, status = "NOT_FOUND", 404


class UserMissing(DomainError):
    code, status = "NOT_FOUND", 404


class OwnerNeeded(DomainError):
    """An account has one owner at every moment."""

    code = "OWNER_NEEDED"


class OnlyTheOwnerMay(DomainError):
    code, status = "FORBIDDEN", 403


class SystemAccountStays(DomainError):
    code, status = "FORBIDDEN", 403


class SeesAllSites(DomainError):
    code = "SEES_ALL_SITES"


class SlugTaken(DomainError):
    code = "SLUG_TAKEN"


class TooManyActiveSectors(DomainError):
    code = "TOO_MANY_ACTIVE_SECTORS"


@dataclass(frozen=True)
class RegisterAccount:
    account_id: UUID
    slug: str
    name_cipher: str
    owner_id: UUID
    trial_ends_at: str


@dataclass(frozen=True)
class ChangeAccount:
    """None leaves a field as it is."""

    account_id: UUID
    slug: str | None = None
    name_cipher: str | None = None


@dataclass(frozen=True)
class EraseAccount:
    """Asked for by the owner; `slug_hashes` are of all the slugs it ever had, so that nobody takes one again."""

    account_id: UUID
    by: UUID
    slug_hashes: tuple[str, ...]


@dataclass(frozen=True)
class SwitchModules:
    """On (True) or off; a module that is not named stays as it is."""

    modules: Mapping[Module, bool]


@dataclass(frozen=True)
class AddMember:
    """Who has accepted an invitation; the sites count for editors and viewers, those gone meanwhile are left out."""

    user_id: UUID
    role: Role
    site_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class ChangeMember:
    """None leaves a field as it is. A member made owner takes the account over, and its owner becomes an admin."""

    user_id: UUID
    role: Role | None = None
    active: bool | None = None
    by: UUID | None = None
    """The member who asks for it; None: staff."""
    invited: int = 0
    """Open invitations: they count as users."""
    limit: int | None = None
    """Of users, by the account's plan; None: any number. For who comes back."""


@dataclass(frozen=True)
class GrantSites:
    """Exactly these sites, and no other."""

    user_id: UUID
    site_ids: tuple[UUID, ...]


@dataclass(frozen=True)
class AddSite:
    site_id: UUID
    name: str
    slug: str
    domain: str = ""
    industry: str = ""
    status: SiteActivity = "active"
    is_active: bool = True
    editors_approve: bool = False
    limit: int | None = None
    """Of sites that are not archived, by the account's plan; None: any number."""


@dataclass(frozen=True)
class ChangeSite:
    """None leaves a field as it is, except the default sector: None is a value of it, none."""

    site_id: UUID
    name: str | None = None
    slug: str | None = None
    domain: str | None = None
    industry: str | None = None
    status: SiteActivity | None = None
    is_active: bool | None = None
    editors_approve: bool | None = None
    default_sector: UUID | UnsetType | None = UNSET


@dataclass(frozen=True)
class ArchiveSite:
    site_id: UUID


@dataclass(frozen=True)
class RestoreSite:
    """`limit` as of `AddSite`."""

    site_id: UUID
    limit: int | None = None


@dataclass(frozen=True)
class ConfigureWordPress:
    site_id: UUID
    url: str
    username: str
    secret: SecretRef


@dataclass(frozen=True)
class AddSector:
    sector_id: UUID
    site_id: UUID
    name: str
    slug: str
    industry_sector: str = ""
    is_active: bool = True


@dataclass(frozen=True)
class ChangeSector:
    """None leaves a field as it is."""

    sector_id: UUID
    site_id: UUID
    name: str | None = None
    slug: str | None = None
    industry_sector: str | None = None
    is_active: bool | None = None


@dataclass(frozen=True)
class ArchiveSector:
    sector_id: UUID
    site_id: UUID


@dataclass(frozen=True)
class RestoreSector:
    sector_id: UUID
    site_id: UUID


@dataclass(frozen=True)
class ChangeStatus:
    """Asked for by staff."""

    status: AccountStatus


@dataclass(frozen=True)
class EndTrial:
    """The account was put on a plan; who is not on trial stays as it is."""


SiteCommand = AddSite | ChangeSite | ArchiveSite | RestoreSite | ConfigureWordPress
SectorCommand = AddSector | ChangeSector | ArchiveSector | RestoreSector
MemberCommand = AddMember | ChangeMember | GrantSites
AccountCommand = (
    RegisterAccount
    | ChangeAccount
    | ChangeStatus
    | EndTrial
    | EraseAccount
    | SwitchModules
    | MemberCommand
    | SiteCommand
    | SectorCommand
)


def decide(command: AccountCommand, state: AccountState) -> Sequence[AccountEvent]:
    if isinstance(command, RegisterAccount):
        return _register(command) if isinstance(state, NotRegistered) else []
    if isinstance(state, NotRegistered):
        raise AccountMissing("This account does not exist.")
    if isinstance(command, ChangeAccount):
        changed = AccountChanged(
            command.account_id,
            state.slug if command.slug is None else command.slug,
            state.name_cipher if command.name_cipher is None else command.name_cipher,
        )
        same = (changed.slug, changed.name_cipher) == (state.slug, state.name_cipher)
        return [] if same else [changed]
    if isinstance(command, ChangeStatus):
        return [] if command.status == state.status else [AccountStatusChanged(command.status)]
    if isinstance(command, EndTrial):
        return [AccountStatusChanged("active")] if state.status == "trial" else []
    if isinstance(command, EraseAccount):
        return _erase(command, state)
    if isinstance(command, SwitchModules):
        return [
            ModuleToggled(module, enabled)
            for module, enabled in command.modules.items()
            if state.modules[module] != enabled
        ]
    if isinstance(command, MemberCommand):
        return _decide_member(command, state)
    if isinstance(command, SiteCommand):
        return _decide_site(command, state)
    return _decide_sector(command, state)


def _register(command: RegisterAccount) -> Sequence[AccountEvent]:
    return [
        AccountRegistered(
            command.account_id, command.slug, command.name_cipher, "trial", command.trial_ends_at
        ),
        MembershipChanged(command.owner_id, "owner"),
    ]


def _erase(command: EraseAccount, account: Account) -> Sequence[AccountEvent]:
    if command.account_id == SYSTEM_ACCOUNT:
        raise SystemAccountStays("The system account cannot be erased.")
    member = account.members.get(command.by)
    if member is None or member.role != "owner":
        raise OnlyTheOwnerMay("Only the owner may erase the account.")
    return [AccountErased(command.account_id, command.slug_hashes)]


def _decide_member(command: MemberCommand, account: Account) -> Sequence[AccountEvent]:
    user_id = command.user_id
    match command:
        case AddMember(_, role, site_ids):
            if user_id in account.members:
                return []
            there = tuple(id for id in site_ids if id in account.sites and not account.sites[id].archived)
            granted = [SiteAccessChanged(user_id, there)] if there and role in SEES_GRANTED_SITES else []
            return [MembershipChanged(user_id, role), *granted]
        case ChangeMember():
            return _change_member(command, account, _member(account, user_id))
        case GrantSites(_, site_ids):
            member = _member(account, user_id)
            for site_id in site_ids:
                _site(account, site_id)
            if member.role not in SEES_GRANTED_SITES:
                raise SeesAllSites(f"The role {member.role} sees all sites of the account.")
            ordered = tuple(sorted(set(site_ids)))
            return [] if ordered == tuple(sorted(member.site_ids)) else [SiteAccessChanged(user_id, ordered)]
    assert_never(command)


def _change_member(command: ChangeMember, account: Account, member: Member) -> Sequence[AccountEvent]:
    role = member.role if command.role is None else command.role
    active = member.active if command.active is None else command.active
    changed = MembershipChanged(command.user_id, role, active)
    if (role, active) == (member.role, member.active):
        return []
    if active and not member.active:
        there = sum(other.active for other in account.members.values())
        require_room("users", command.limit, there + command.invited)
    if member.role == "owner":
        raise OwnerNeeded("An account needs its owner. Make another member the owner first.")
    if role != "owner":
        return [changed]
    if not active:
        raise OwnerNeeded("Who is not active cannot be the owner.")
    owners = [id for id, other in account.members.items() if other.role == "owner"]
    if command.by is not None and command.by not in owners:
        raise OnlyTheOwnerMay("Only the owner hands an account over.")
    return [changed, *(MembershipChanged(id, "admin") for id in owners)]


def _decide_site(command: SiteCommand, account: Account) -> Sequence[AccountEvent]:
    site_id = command.site_id
    match command:
        case AddSite(_, name, slug, domain, industry, status, is_active, editors_approve):
            if site_id in account.sites:
                return []
            require_room("sites", command.limit, _sites_there(account))
            _require_free_site_slug(account, slug, site_id)
            return [SiteAdded(site_id, name, slug, domain, industry, status, is_active, editors_approve)]
        case ChangeSite():
            site = _site(account, site_id)
            changed = replace(site, **_given(command))
            if not isinstance(command.default_sector, UnsetType):
                if command.default_sector is not None:
                    _sector(account, site_id, command.default_sector)
                changed = replace(changed, default_sector=command.default_sector)
            if changed == site:
                return []
            _require_free_site_slug(account, changed.slug, site_id)
            return [SiteChanged(site_id, *_site_fields(changed))]
        case ArchiveSite():
            if site_id in account.sites and account.sites[site_id].archived:
                return []
            _site(account, site_id)
            return [SiteArchived(site_id)]
        case RestoreSite():
            archived = account.sites.get(site_id)
            if archived is None or not archived.archived:
                _site(account, site_id)
                return []
            require_room("sites", command.limit, _sites_there(account))
            _require_free_site_slug(account, archived.slug, site_id)
            return [SiteRestored(site_id, *_site_fields(archived))]
        case ConfigureWordPress(_, url, username, secret):
            if _site(account, site_id).wordpress == WordPress(url, username, secret):
                return []
            return [SiteWordPressConfigured(site_id, url, username, secret)]
    assert_never(command)


def _decide_sector(command: SectorCommand, account: Account) -> Sequence[AccountEvent]:
    site_id, sector_id = command.site_id, command.sector_id
    _site(account, site_id)
    match command:
        case AddSector(_, _, name, slug, industry_sector, is_active):
            if sector_id in account.sectors:
                return []
            _require_room(account, sector_id, Sector(site_id, name, slug, industry_sector, is_active))
            return [SectorAdded(sector_id, site_id, name, slug, industry_sector, is_active)]
        case ChangeSector():
            sector = _sector(account, site_id, sector_id)
            changed = replace(sector, **_given(command))
            if changed == sector:
                return []
            _require_room(account, sector_id, changed)
            return [SectorChanged(sector_id, site_id, *_sector_fields(changed))]
        case ArchiveSector():
            if _sector(account, site_id, sector_id, archived_too=True).archived:
                return []
            return [SectorArchived(sector_id, site_id)]
        case RestoreSector():
            sector = _sector(account, site_id, sector_id, archived_too=True)
            if not sector.archived:
                return []
            _require_room(account, sector_id, sector)
            return [SectorRestored(sector_id, site_id, *_sector_fields(sector))]
    assert_never(command)


def _given(command: ChangeSite | ChangeSector) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(command).items()
        if value is not None and name not in ("site_id", "sector_id", "default_sector")
    }


def _site_fields(site: Site) -> tuple[str, str, str, str, SiteActivity, bool, bool, UUID | None]:
    return (
        site.name,
        site.slug,
        site.domain,
        site.industry,
        site.status,
        site.is_active,
        site.editors_approve,
        site.default_sector,
    )


def _sector_fields(sector: Sector) -> tuple[str, str, str, bool]:
    return sector.name, sector.slug, sector.industry_sector, sector.is_active


def _member(account: Account, user_id: UUID) -> Member:
    if user_id not in account.members:
        raise UserMissing(f"User {user_id} does not exist or is not yours.")
    return account.members[user_id]


def _site(account: Account, site_id: UUID) -> Site:
    site = account.sites.get(site_id)
    if site is None or site.archived:
        raise SiteMissing(f"Site {site_id} does not exist or is not yours.")
    return site


def _sector(account: Account, site_id: UUID, sector_id: UUID, *, archived_too: bool = False) -> Sector:
    sector = account.sectors.get(sector_id)
    if sector is None or sector.site_id != site_id or (sector.archived and not archived_too):
        raise SectorMissing(f"Sector {sector_id} does not exist in this site.")
    return sector


def _sites_there(account: Account) -> int:
    return sum(not site.archived for site in account.sites.values())


def _require_free_site_slug(account: Account, slug: str, site_id: UUID) -> None:
    for other_id, other in account.sites.items():
        if other_id != site_id and other.slug == slug and not other.archived:
            raise SlugTaken(f"Another site of this account has the slug {slug!r}.", slug=slug)


def _require_room(account: Account, sector_id: UUID, sector: Sector) -> None:
    """The slug is free and the site has room for one more active sector."""
    others = [
        other
        for other_id, other in account.sectors.items()
        if other_id != sector_id and other.site_id == sector.site_id and not other.archived
    ]
    if any(other.slug == sector.slug for other in others):
        raise SlugTaken(f"Another sector of this site has the slug {sector.slug!r}.", slug=sector.slug)
    active = sum(other.is_active for other in others)
    if sector.is_active and active >= MOST_ACTIVE_SECTORS:
        raise TooManyActiveSectors(
            f"A site has at most {MOST_ACTIVE_SECTORS} active sectors; deactivate or archive one first.",
            active=active,
            limit=MOST_ACTIVE_SECTORS,
        )


ACCOUNT: Decider[AccountState, AccountCommand] = Decider(
    category="account",
    initial=NotRegistered(),
    evolve=evolve,
    decide=decide,
    types=EventTypes(
        (
            AccountRegistered,
            AccountChanged,
            AccountStatusChanged,
            AccountErased,
            ModuleToggled,
            MembershipChanged,
            SiteAccessChanged,
            SiteAdded,
            SiteChanged,
            SiteArchived,
            SiteRestored,
            SiteWordPressConfigured,
            SectorAdded,
            SectorChanged,
            SectorArchived,
            SectorRestored,
        )
    ),
    snapshot=SNAPSHOT,
)
