"""What may be decided about an account, its sites and sectors; no I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never
from uuid import UUID

from common.contracts.gateway import SecretRef
from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes

from gateway.accounts.events import (
    Account,
    AccountEvent,
    AccountRegistered,
    AccountState,
    MembershipChanged,
    NotRegistered,
    Sector,
    SectorAdded,
    SectorArchived,
    SectorChanged,
    SectorRestored,
    Site,
    SiteActivity,
    SiteAdded,
    SiteArchived,
    SiteChanged,
    SiteRestored,
    SiteWordPressConfigured,
    WordPress,
    evolve,
)

MOST_ACTIVE_SECTORS = 5
"""Of a site (PRODUCT §1)."""


class AccountMissing(DomainError):
    code, status = "NOT_FOUND", 404


class SiteMissing(DomainError):
    code, status = "NOT_FOUND", 404


class SectorMissing(DomainError):
    code, status = "NOT_FOUND", 404


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
class AddSite:
    site_id: UUID
    name: str
    slug: str
    domain: str = ""
    industry: str = ""
    status: SiteActivity = "active"
    is_active: bool = True


@dataclass(frozen=True)
class ChangeSite:
    """None leaves a field as it is."""

    site_id: UUID
    name: str | None = None
    slug: str | None = None
    domain: str | None = None
    industry: str | None = None
    status: SiteActivity | None = None
    is_active: bool | None = None


@dataclass(frozen=True)
class ArchiveSite:
    site_id: UUID


@dataclass(frozen=True)
class RestoreSite:
    site_id: UUID


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


SiteCommand = AddSite | ChangeSite | ArchiveSite | RestoreSite | ConfigureWordPress
SectorCommand = AddSector | ChangeSector | ArchiveSector | RestoreSector
AccountCommand = RegisterAccount | SiteCommand | SectorCommand


def decide(command: AccountCommand, state: AccountState) -> Sequence[AccountEvent]:
    if isinstance(command, RegisterAccount):
        return _register(command) if isinstance(state, NotRegistered) else []
    if isinstance(state, NotRegistered):
        raise AccountMissing("This account does not exist.")
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


def _decide_site(command: SiteCommand, account: Account) -> Sequence[AccountEvent]:
    site_id = command.site_id
    match command:
        case AddSite(_, name, slug, domain, industry, status, is_active):
            if site_id in account.sites:
                return []
            _require_free_site_slug(account, slug, site_id)
            return [SiteAdded(site_id, name, slug, domain, industry, status, is_active)]
        case ChangeSite():
            site = _site(account, site_id)
            changed = replace(site, **_given(command))
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
        if value is not None and name not in ("site_id", "sector_id")
    }


def _site_fields(site: Site) -> tuple[str, str, str, str, SiteActivity, bool]:
    return site.name, site.slug, site.domain, site.industry, site.status, site.is_active


def _sector_fields(sector: Sector) -> tuple[str, str, str, bool]:
    return sector.name, sector.slug, sector.industry_sector, sector.is_active


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
            MembershipChanged,
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
)
