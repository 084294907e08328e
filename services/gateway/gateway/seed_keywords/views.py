"""Seed keywords as a table: no tenant's data, so without row-level security."""

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec
import sqlalchemy as sa
from common.database import Row, Sql, Transaction
from common.eventsourcing.event import Recorded
from common.ids import stable_id
from common.model import Projection
from common.views import among, put_rows, time_columns, uuid_column

from gateway import metadata
from gateway.industries.views import industries, industry_sectors
from gateway.seed_keywords.decisions import SEED_KEYWORDS, WriteSeedKeywords
from gateway.seed_keywords.events import SeedKeyword, SeedKeywordsWritten

seed_keywords = sa.Table(
    "seed_keywords",
    metadata,
    uuid_column("id", primary_key=True),
    uuid_column("sector_id"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("keyword", sa.Text, nullable=False),
    sa.Column("normalised", sa.Text, nullable=False),
    sa.Column("volume", sa.BigInteger),
    sa.Column("difficulty", sa.Integer),
    sa.Column("intent", sa.Text),
    sa.Column("is_active", sa.Boolean, nullable=False),
    *time_columns(),
)

_OWN = tuple(field.name for field in msgspec.structs.fields(SeedKeyword))


def seed_keyword_id_of(sector_id: UUID, normalised: str) -> UUID:
    return stable_id("seed keyword", sector_id, normalised)


async def apply(sql: Sql, recorded: Sequence[Recorded[SeedKeywordsWritten]]) -> None:
    for fact in recorded:
        place = {"sector_id": fact.event.sector_id}
        rows = [place | msgspec.structs.asdict(seed) for seed in fact.event.seed_keywords]
        await put_rows(sql, seed_keywords, fact, rows)


PROJECTION = Projection("seed_keywords", (SEED_KEYWORDS.category,), (seed_keywords,), apply)

SHOWN = (
    sa.select(
        *(seed_keywords.c[name] for name in (*_OWN, "created_at", "updated_at")),
        industries.c.id.label("industry_id"),
        industries.c.slug.label("industry"),
        industries.c.name.label("industry_name"),
        industry_sectors.c.id.label("sector_id"),
        industry_sectors.c.slug.label("sector"),
        industry_sectors.c.name.label("sector_name"),
    )
    .select_from(
        seed_keywords.join(industry_sectors, industry_sectors.c.id == seed_keywords.c.sector_id).join(
            industries, industries.c.id == industry_sectors.c.industry_id
        )
    )
    .where(seed_keywords.c.is_active, industry_sectors.c.is_active, industries.c.is_active)
)
"""What everybody sees: nothing of an industry or a sector that is out of use."""


async def change(tx: Transaction, sector_id: UUID, seeds: Sequence[SeedKeyword]) -> tuple[int, int]:
    """Write a sector's seed keywords; how many are new, and how many changed. Take the account's lock first.

    The stream is not folded: what is decided needs only the rows.
    """
    known = await _known(tx, [seed.id for seed in seeds])
    events = SEED_KEYWORDS.decide(WriteSeedKeywords(sector_id, tuple(seeds), known), None)
    if not events:
        return 0, 0
    stream = SEED_KEYWORDS.stream(sector_id)
    version = await tx.scalar(
        "SELECT coalesce(max(version), 0) FROM events WHERE stream = %(stream)s", {"stream": str(stream)}
    )
    await tx.append(stream, int(version), events)
    new = sum(seed.id not in known for seed in seeds)
    changed = sum(seed.id in known and known[seed.id] != seed for seed in seeds)
    return new, changed


async def _known(sql: Sql, ids: Collection[UUID]) -> dict[UUID, SeedKeyword]:
    rows = await sql.all(sa.select(seed_keywords).where(among(seed_keywords.c.id, ids)))
    return {row["id"]: _seed(row) for row in rows}


def _seed(row: Row) -> SeedKeyword:
    return SeedKeyword(**{name: row[name] for name in _OWN})
