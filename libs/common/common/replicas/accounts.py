"""The replica of accounts, sites and sectors, and how far it has come in each account's stream."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from common.api.errors import not_found, validation
from common.contracts.gateway import (
    AccountRegistered,
    SectorAdded,
    SectorArchived,
    SectorChanged,
    SiteAdded,
    SiteArchived,
    SiteChanged,
)
from common.database import Row, Sql, Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions
from common.replicas import metadata
from common.views import upsert_rows, uuid_column

ACCOUNT_STREAM = "account"

replica_accounts = sa.Table(
    "replica_accounts",
    metadata,
    uuid_column("account_id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("slug", sa.Text),
    sa.Column("status", sa.Text),
    sa.Column("trial_ends_at", sa.DateTime(timezone=True)),
)
replica_sites = sa.Table(
    "replica_sites",
    metadata,
    uuid_column("account_id"),
    uuid_column("site_id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("slug", sa.Text, nullable=False),
    sa.Column("domain", sa.Text, nullable=False),
    sa.Column("archived", sa.Boolean, nullable=False),
)
replica_sectors = sa.Table(
    "replica_sectors",
    metadata,
    uuid_column("account_id"),
    uuid_column("sector_id", primary_key=True),
    uuid_column("site_id"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("archived", sa.Boolean, nullable=False),
)

reactions = Reactions(of_replicas=True)


@reactions.on_stream(ACCOUNT_STREAM)
async def advance(event: Heard[Any], tx: Transaction) -> None:
    """Every event of the stream moves the version on, also one that this code does not know or could not handle."""
    statement = insert(replica_accounts).values(account_id=event.account_id, version=event.version)
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=["account_id"],
            set_={"version": sa.func.greatest(replica_accounts.c.version, statement.excluded.version)},
        )
    )


@reactions.on(AccountRegistered)
async def account_registered(event: Heard[AccountRegistered], tx: Transaction) -> None:
    await tx.execute(
        sa.update(replica_accounts)
        .where(replica_accounts.c.account_id == event.account_id)
        .values(
            slug=event.data.slug,
            status=event.data.status,
            trial_ends_at=sa.cast(event.data.trial_ends_at, sa.DateTime(timezone=True)),
        )
    )


@reactions.on(SiteAdded, SiteChanged)
async def site_changed(event: Heard[Any], tx: Transaction) -> None:
    site = event.data
    row = {
        "account_id": event.account_id,
        "site_id": site.site_id,
        "version": event.version,
        "name": site.name,
        "slug": site.slug,
        "domain": site.domain,
        "archived": site.status == "archived",
    }
    await upsert_rows(tx, replica_sites, [row], newer_by="version")


@reactions.on(SectorAdded, SectorChanged)
async def sector_changed(event: Heard[Any], tx: Transaction) -> None:
    sector = event.data
    row = {
        "account_id": event.account_id,
        "sector_id": sector.sector_id,
        "site_id": sector.site_id,
        "version": event.version,
        "name": sector.name,
        "archived": False,
    }
    await upsert_rows(tx, replica_sectors, [row], newer_by="version")


@reactions.on(SiteArchived)
async def site_archived(event: Heard[SiteArchived], tx: Transaction) -> None:
    """A row that stays as a tombstone: an older change that arrives later must not bring the site back."""
    row = {
        "account_id": event.account_id,
        "site_id": event.data.site_id,
        "version": event.version,
        "name": "",
        "slug": "",
        "domain": "",
        "archived": True,
    }
    await upsert_rows(tx, replica_sites, [row], newer_by="version")


@reactions.on(SectorArchived)
async def sector_archived(event: Heard[SectorArchived], tx: Transaction) -> None:
    row = {
        "account_id": event.account_id,
        "sector_id": event.data.sector_id,
        "site_id": event.data.site_id,
        "version": event.version,
        "name": "",
        "archived": True,
    }
    await upsert_rows(tx, replica_sectors, [row], newer_by="version")


async def require_site(sql: Sql, site_id: object) -> Row:
    """The site's row; raises 404 for another tenant's or an archived one."""
    site = await sql.first(
        sa.select(replica_sites).where(replica_sites.c.site_id == site_id, ~replica_sites.c.archived)
    )
    if site is None:
        raise not_found("Site", site_id)
    return site


async def require_sector(sql: Sql, site_id: object, sector_id: object) -> Row:
    """The sector's row; raises 404 for a foreign site or sector, 400 for a sector of another site (PRODUCT §0)."""
    await require_site(sql, site_id)
    sector = await sql.first(
        sa.select(replica_sectors).where(
            replica_sectors.c.sector_id == sector_id, ~replica_sectors.c.archived
        )
    )
    if sector is None:
        raise not_found("Sector", sector_id)
    if sector["site_id"] != site_id:
        raise validation("sector_id", "is a sector of another site")
    return sector


async def account_version(sql: Sql) -> int:
    """How far this replica is in the account's stream; 0 when it has heard nothing."""
    return int(await sql.scalar(sa.select(sa.func.max(replica_accounts.c.version))) or 0)
