"""The catalogue of industries as tables: no tenant's data, so without row-level security."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from common.database import Sql
from common.eventsourcing.event import Recorded
from common.ids import stable_id
from common.model import Projection
from common.views import put_rows, time_columns, uuid_column

from gateway import metadata
from gateway.industries.decisions import INDUSTRIES
from gateway.industries.events import IndustryWritten

industries = sa.Table(
    "industries",
    metadata,
    uuid_column("id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    *time_columns(),
)
industry_sectors = sa.Table(
    "industry_sectors",
    metadata,
    uuid_column("id", primary_key=True),
    uuid_column("industry_id"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("slug", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    *time_columns(),
)


def industry_id_of(slug: str) -> UUID:
    return stable_id("industry", slug)


def sector_id_of(industry_slug: str, slug: str) -> UUID:
    return stable_id("industry sector", industry_slug, slug)


async def apply(sql: Sql, recorded: Sequence[Recorded[IndustryWritten]]) -> None:
    for fact in recorded:
        event = fact.event
        industry = {
            "id": industry_id_of(event.slug),
            "slug": event.slug,
            "name": event.name,
            "description": event.description,
            "is_active": event.is_active,
        }
        await put_rows(sql, industries, fact, [industry])
        sectors = [
            {
                "id": sector_id_of(event.slug, sector.slug),
                "industry_id": industry["id"],
                "slug": sector.slug,
                "name": sector.name,
                "description": sector.description,
                "is_active": sector.is_active,
            }
            for sector in event.sectors
        ]
        await put_rows(sql, industry_sectors, fact, sectors)


PROJECTION = Projection("industries", (INDUSTRIES.category,), (industries, industry_sectors), apply)
