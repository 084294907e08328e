"""An account's standing, sites, sectors and members as tables. `version` is the account stream's at the last change."""

from collections.abc import Sequence
from typing import Any, assert_never
from uuid import UUID

import sqlalchemy as sa
from common.api.errors import not_found
from common.database import Row, Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import change_rows, put_rows, time_columns, uuid_column
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from gateway import metadata
from gateway.accounts.decisions import ACCOUNT
from gateway.accounts.events import (
    AccountChanged,
    AccountErased,
    AccountEvent,
    AccountRegistered,
    AccountStatusChanged,
    MembershipChanged,
    ModuleToggled,
    SectorAdded,
    SectorArchived,
    SectorChanged,
    SectorRestored,
    SiteAccessChanged,
    SiteAdded,
    SiteArchived,
    SiteChanged,
    SiteRestored,
    SiteWordPressConfigured,
)

accounts = sa.Table(
    "accounts",
    metadata,
    uuid_column("account_id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name_cipher", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("trial_ends_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("modules", JSONB, nullable=False, server_default="{}"),
    *time_columns(),
)
"""`modules` are those that somebody has switched; the others are as `MODULES` says."""
members = sa.Table(
    "members",
    metadata,
    uuid_column("account_id", primary_key=True),
    uuid_column("user_id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("site_ids", sa.ARRAY(PgUUID(as_uuid=True)), nullable=False, server_default="{}"),
)
account_slugs = sa.Table(
    "account_slugs",
    metadata,
    sa.Column("slug", sa.Text, primary_key=True),
    uuid_column("account_id"),
)
"""Every slug an account ever had stays its own: addresses that were given away must not lead to somebody else. Of an erased
account `#` and the SHA-256 of the slug stay, which the table's index takes for the slug itself."""
HASHED = "#"
sites = sa.Table(
    "sites",
    metadata,
    uuid_column("account_id"),
    uuid_column("id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("slug", sa.Text, nullable=False),
    sa.Column("domain", sa.Text, nullable=False),
    sa.Column("industry", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("editors_approve", sa.Boolean, nullable=False),
    uuid_column("default_sector", nullable=True),
    sa.Column("archived", sa.Boolean, nullable=False),
    sa.Column("wp_url", sa.Text),
    sa.Column("wp_username", sa.Text),
    *time_columns(),
)
sectors = sa.Table(
    "sectors",
    metadata,
    uuid_column("account_id"),
    uuid_column("id", primary_key=True),
    uuid_column("site_id"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("slug", sa.Text, nullable=False),
    sa.Column("industry_sector", sa.Text, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("archived", sa.Boolean, nullable=False),
    *time_columns(),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[AccountEvent]]) -> None:
    for fact in recorded:
        await _apply(sql, fact)
    last = {fact.account_id: fact for fact in recorded}
    await sql.execute_many(
        "UPDATE accounts SET version = %(version)s, updated_at = %(at)s"
        " WHERE account_id = %(account_id)s AND version < %(version)s",
        [{"account_id": id, "version": f.version, "at": f.recorded_at} for id, f in last.items()],
    )


async def _apply(sql: Sql, fact: Recorded[AccountEvent]) -> None:
    event = fact.event
    match event:
        case AccountRegistered():
            row: dict[str, Any] = {
                "slug": event.slug,
                "name_cipher": event.name_cipher,
                "status": event.status,
                "trial_ends_at": event.trial_ends_at,
            }
            await put_rows(sql, accounts, fact, [row])
            await _keep_slug(sql, fact, event.slug)
        case AccountChanged(account_id, slug, name_cipher):
            await change_rows(sql, accounts, fact, [account_id], slug=slug, name_cipher=name_cipher)
            await _keep_slug(sql, fact, slug)
        case AccountStatusChanged(status):
            await change_rows(sql, accounts, fact, [fact.account_id], status=status)
        case AccountErased(_, slug_hashes):
            for table in (members, sectors, sites, account_slugs, accounts):
                await sql.execute(sa.delete(table).where(table.c.account_id == fact.account_id))
            for hashed in slug_hashes:
                await _keep_slug(sql, fact, f"{HASHED}{hashed}")
        case ModuleToggled(module, enabled):
            modules = accounts.c.modules.op("||")(sa.literal({module: enabled}, JSONB))
            await change_rows(sql, accounts, fact, [fact.account_id], modules=modules)
        case MembershipChanged(user_id, role, active):
            await put_rows(sql, members, fact, [{"user_id": user_id, "role": role, "active": active}])
        case SiteAccessChanged(user_id, site_ids):
            await sql.execute(
                "UPDATE members SET site_ids = %(sites)s, version = %(version)s"
                " WHERE user_id = %(user)s AND version < %(version)s",
                {"sites": list(site_ids), "version": fact.version, "user": user_id},
            )
        case SiteAdded() | SiteChanged() | SiteRestored():
            row = {
                "id": event.site_id,
                "name": event.name,
                "slug": event.slug,
                "domain": event.domain,
                "industry": event.industry,
                "status": event.status,
                "is_active": event.is_active,
                "editors_approve": event.editors_approve,
                "default_sector": None if isinstance(event, SiteAdded) else event.default_sector,
                "archived": False,
            }
            await put_rows(sql, sites, fact, [row])
        case SiteWordPressConfigured(site_id, url, username):
            await change_rows(sql, sites, fact, [site_id], wp_url=url, wp_username=username)
        case SiteArchived(site_id):
            await change_rows(sql, sites, fact, [site_id], archived=True)
        case SectorAdded() | SectorChanged() | SectorRestored():
            row = {
                "id": event.sector_id,
                "site_id": event.site_id,
                "name": event.name,
                "slug": event.slug,
                "industry_sector": event.industry_sector,
                "is_active": event.is_active,
                "archived": False,
            }
            await put_rows(sql, sectors, fact, [row])
        case SectorArchived(sector_id, site_id):
            await change_rows(sql, sectors, fact, [sector_id], archived=True)
            await sql.execute(
                sa.update(sites)
                .where(
                    sites.c.id == site_id,
                    sites.c.default_sector == sector_id,
                    sites.c.version < fact.version,
                )
                .values(default_sector=None, version=fact.version, updated_at=fact.recorded_at)
            )
        case _:
            assert_never(event)


async def _keep_slug(sql: Sql, fact: Recorded[AccountEvent], slug: str) -> None:
    """Raises UniqueViolation for another account's; its own, which is all that can be seen here, may come back."""
    await sql.execute(
        "INSERT INTO account_slugs (slug, account_id) SELECT %(slug)s, %(account)s"
        " WHERE NOT EXISTS (SELECT FROM account_slugs WHERE slug = %(slug)s AND account_id = %(account)s)",
        {"slug": slug, "account": fact.account_id},
    )


PROJECTION = Projection(
    "accounts", (ACCOUNT.category,), (accounts, account_slugs, members, sites, sectors), apply
)


async def active_members(sql: Sql) -> int:
    return int(await sql.scalar(sa.select(sa.func.count()).select_from(members).where(members.c.active)))


async def site_named(sql: Sql, site_id: UUID, *, deleted: bool = False) -> Row:
    """Raises 404."""
    site = await sql.first(sa.select(sites).where(sites.c.id == site_id, sites.c.archived == deleted))
    if site is None:
        raise not_found("Site", site_id)
    return site


async def site_of(sql: Sql, sector_id: UUID) -> UUID:
    """The site of a sector; raises 404."""
    site_id: UUID | None = await sql.scalar(
        sa.select(sectors.c.site_id).where(sectors.c.id == sector_id, ~sectors.c.archived)
    )
    if site_id is None:
        raise not_found("Sector", sector_id)
    return site_id


async def place_there(sql: Sql, site_id: UUID, sector_id: UUID | None) -> tuple[UUID | None, UUID | None]:
    """The site and its sector, each None where it is archived."""
    of_site = (sectors.c.site_id == sites.c.id) & (sectors.c.id == sector_id) & ~sectors.c.archived
    row = await sql.first(
        sa.select(sites.c.id.label("site"), sectors.c.id.label("sector"))
        .select_from(sites.outerjoin(sectors, of_site))
        .where(sites.c.id == site_id, ~sites.c.archived)
    )
    return (row["site"], row["sector"]) if row else (None, None)


async def sector_named(sql: Sql, site_id: UUID, sector_id: UUID, *, deleted: bool = False) -> Row:
    """Raises 404, also for a sector of another site."""
    sector = await sql.first(
        sa.select(sectors).where(
            sectors.c.id == sector_id, sectors.c.site_id == site_id, sectors.c.archived == deleted
        )
    )
    if sector is None:
        raise not_found("Sector", sector_id)
    return sector
