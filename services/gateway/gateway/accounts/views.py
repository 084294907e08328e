"""An account's standing, sites, sectors and members as tables. `version` is the account stream's at the last change."""

from collections.abc import Sequence
from typing import Any, assert_never
from uuid import UUID

import sqlalchemy as sa
from common.api.errors import not_found
from common.database import Row, Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from sqlalchemy.dialects.postgresql import UUID as PgUUID
from sqlalchemy.dialects.postgresql import insert

from gateway import metadata
from gateway.accounts.decisions import ACCOUNT
from gateway.accounts.events import (
    AccountEvent,
    AccountRegistered,
    MembershipChanged,
    SectorAdded,
    SectorArchived,
    SectorChanged,
    SectorRestored,
    SiteAdded,
    SiteArchived,
    SiteChanged,
    SiteRestored,
    SiteWordPressConfigured,
)


def _times() -> tuple[sa.Column[Any], sa.Column[Any]]:
    return (
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )


accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("account_id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name_cipher", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("trial_ends_at", sa.DateTime(timezone=True), nullable=False),
    *_times(),
)
members = sa.Table(
    "members",
    metadata,
    sa.Column("account_id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("user_id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
)
sites = sa.Table(
    "sites",
    metadata,
    sa.Column("account_id", PgUUID(as_uuid=True), nullable=False),
    sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("slug", sa.Text, nullable=False),
    sa.Column("domain", sa.Text, nullable=False),
    sa.Column("industry", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("archived", sa.Boolean, nullable=False),
    sa.Column("wp_url", sa.Text),
    sa.Column("wp_username", sa.Text),
    *_times(),
)
sectors = sa.Table(
    "sectors",
    metadata,
    sa.Column("account_id", PgUUID(as_uuid=True), nullable=False),
    sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("site_id", PgUUID(as_uuid=True), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("slug", sa.Text, nullable=False),
    sa.Column("industry_sector", sa.Text, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("archived", sa.Boolean, nullable=False),
    *_times(),
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
            await _write(
                sql,
                accounts,
                fact,
                slug=event.slug,
                name_cipher=event.name_cipher,
                status=event.status,
                trial_ends_at=sa.cast(event.trial_ends_at, sa.DateTime(timezone=True)),
            )
        case MembershipChanged(user_id, role, active):
            await _write(sql, members, fact, user_id=user_id, role=role, active=active)
        case SiteAdded() | SiteChanged() | SiteRestored():
            await _write(
                sql,
                sites,
                fact,
                id=event.site_id,
                name=event.name,
                slug=event.slug,
                domain=event.domain,
                industry=event.industry,
                status=event.status,
                is_active=event.is_active,
                archived=False,
            )
        case SiteWordPressConfigured(site_id, url, username):
            await _change(sql, sites, fact, site_id, wp_url=url, wp_username=username)
        case SiteArchived(site_id):
            await _change(sql, sites, fact, site_id, archived=True)
        case SectorAdded() | SectorChanged() | SectorRestored():
            await _write(
                sql,
                sectors,
                fact,
                id=event.sector_id,
                site_id=event.site_id,
                name=event.name,
                slug=event.slug,
                industry_sector=event.industry_sector,
                is_active=event.is_active,
                archived=False,
            )
        case SectorArchived(sector_id):
            await _change(sql, sectors, fact, sector_id, archived=True)
        case _:
            assert_never(event)


async def _write(sql: Sql, table: sa.Table, fact: Recorded[AccountEvent], **values: Any) -> None:
    """Insert or bring up to date; a fact that is applied again changes nothing."""
    row = {"account_id": fact.account_id, "version": fact.version, **values}
    if "created_at" in table.c:
        row |= {"created_at": fact.recorded_at, "updated_at": fact.recorded_at}
    keys = [column.name for column in table.primary_key]
    statement = insert(table).values(**row)
    changed = {
        n: statement.excluded[n] for n in row if n not in keys and n not in ("account_id", "created_at")
    }
    await sql.execute(
        statement.on_conflict_do_update(
            index_elements=keys, set_=changed, where=table.c.version < statement.excluded.version
        )
    )


async def _change(sql: Sql, table: sa.Table, fact: Recorded[AccountEvent], id: UUID, **values: Any) -> None:
    await sql.execute(
        sa.update(table)
        .where(table.c.id == id, table.c.version < fact.version)
        .values(version=fact.version, updated_at=fact.recorded_at, **values)
    )


PROJECTION = Projection("accounts", (ACCOUNT.category,), (accounts, members, sites, sectors), apply)


async def site_named(sql: Sql, site_id: UUID, *, deleted: bool = False) -> Row:
    """Raises 404."""
    site = await sql.first(sa.select(sites).where(sites.c.id == site_id, sites.c.archived == deleted))
    if site is None:
        raise not_found("Site", site_id)
    return site


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
