"""The public form of the gateway's facts. Every fact of an account is public: a replica must see each version of it.

So are all facts of settings; what is secret in them is a reference.
"""

from typing import Any

from common.contracts import Contract, settings
from common.contracts import gateway as public
from common.contracts.export import ExportRequested
from common.eventsourcing.event import Event, Recorded
from common.export.publish import publish_part
from msgspec.structs import asdict

from gateway.accounts import events as account
from gateway.ai_models import events as ai_models
from gateway.ai_settings import events as ai_settings
from gateway.authors import events as authors
from gateway.exports import events as exports
from gateway.prompts import events as prompts
from gateway.strategies import events as strategies


def publish(fact: Recorded[Event]) -> Contract | None:
    """None for what concerns a user alone."""
    match fact.event:
        case account.AccountRegistered(account_id, slug, _, status, trial_ends_at):
            return public.AccountRegistered(
                account_id=account_id, slug=slug, status=status, trial_ends_at=trial_ends_at
            )
        case account.AccountChanged(account_id, slug):
            return public.AccountChanged(account_id=account_id, slug=slug)
        case account.AccountStatusChanged(status):
            return public.AccountStatusChanged(account_id=fact.account_id, status=status)
        case account.AccountErased(account_id):
            return public.AccountErased(account_id=account_id)
        case account.ModuleToggled(module, enabled):
            return public.ModuleToggled(module=module, enabled=enabled)
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
            return _settings(fact.event)


def _settings(event: Event) -> Contract | None:
    match event:
        case prompts.PromptWritten(id, type, value, number) | prompts.PromptRestored(id, type, value, number):
            return settings.PromptChanged(prompt_id=id, prompt_type=type, prompt_value=value, number=number)
        case prompts.PromptArchived(id, type, value, number):
            return settings.PromptChanged(
                prompt_id=id, prompt_type=type, prompt_value=value, number=number, archived=True
            )
        case authors.AuthorProfileWritten():
            return settings.AuthorProfileChanged(**asdict(event))
        case authors.AuthorProfileArchived():
            return settings.AuthorProfileChanged(**asdict(event), is_default=False, archived=True)
        case strategies.StrategyWritten():
            return settings.StrategyChanged(**_without(event, "site_id"))
        case strategies.StrategyArchived():
            return settings.StrategyChanged(**_without(event, "site_id"), is_active=False, archived=True)
        case ai_settings.AISettingsWritten():
            return settings.AISettingsChanged(**asdict(event))
        case ai_models.ModelWritten():
            return settings.ModelCatalogueChanged(**_without(event, "shipped"))
        case exports.ExportRequested(export_id):
            return ExportRequested(export_id=export_id)
        case _:
            return publish_part(event)


def _without(event: Event, name: str) -> dict[str, Any]:
    return {field: value for field, value in asdict(event).items() if field != name}


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
