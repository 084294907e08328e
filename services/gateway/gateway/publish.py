"""The public form of the gateway's facts. Every fact of an account is public: a replica must see each version of it."""

from typing import Any

from common.contracts import Contract
from common.contracts import gateway as public
from common.eventsourcing.event import Event, Recorded

from gateway.accounts import events as account


def publish(fact: Recorded[Event]) -> Contract | None:
    """None for what concerns a user alone."""
    match fact.event:
        case account.AccountRegistered(account_id, slug, _, status, trial_ends_at):
            return public.AccountRegistered(
                account_id=account_id, slug=slug, status=status, trial_ends_at=trial_ends_at
            )
        case account.AccountChanged(account_id, slug):
            return public.AccountChanged(account_id=account_id, slug=slug)
        case account.SiteAccessChanged(user_id, site_ids):
            return public.SiteAccessChanged(user_id=user_id, site_ids=site_ids)
        case account.MembershipChanged(user_id, role, active):
            return public.MembershipChanged(user_id=user_id, role=role, active=active)
        case account.SiteAdded() as site:
            return public.SiteAdded(**_site(site))
        case account.SiteChanged() | account.SiteRestored() as site:
            return public.SiteChanged(**_site(site))
        case account.SiteArchived(site_id):
            return public.SiteArchived(site_id=site_id)
        case account.SiteWordPressConfigured(site_id, url, username, secret):
            return public.SiteWordPressConfigured(site_id=site_id, url=url, username=username, secret=secret)
        case account.SectorAdded() as sector:
            return public.SectorAdded(**_sector(sector))
        case account.SectorChanged() | account.SectorRestored() as sector:
            return public.SectorChanged(**_sector(sector))
        case account.SectorArchived(sector_id, site_id):
            return public.SectorArchived(sector_id=sector_id, site_id=site_id)
        case _:
            return None


def _site(site: account.SiteAdded | account.SiteChanged | account.SiteRestored) -> dict[str, Any]:
    return {
        "site_id": site.site_id,
        "name": site.name,
        "slug": site.slug,
        "domain": site.domain,
        "status": site.status,
        "is_active": site.is_active,
    }


def _sector(
    sector: account.SectorAdded | account.SectorChanged | account.SectorRestored,
) -> dict[str, Any]:
    return {
        "sector_id": sector.sector_id,
        "site_id": sector.site_id,
        "name": sector.name,
        "slug": sector.slug,
        "is_active": sector.is_active,
    }
