"""Keywords as a table, whose unique index holds what makes a keyword unique."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from common.database import Row, Sql, Transaction
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import add_rows, change_rows, resource_columns, uuid_column

from planner import metadata
from planner.keywords.decisions import KEYWORDS, KeywordsCommand
from planner.keywords.events import Keyword, KeywordsAdded, KeywordsEvent, KeywordsRemoved, KeywordsRevised

keywords = sa.Table(
    "keywords",
    metadata,
    uuid_column("keyword_id", primary_key=True),
    *resource_columns(),
    sa.Column("keyword", sa.Text, nullable=False),
    sa.Column("normalised", sa.Text, nullable=False),
    sa.Column("volume", sa.BigInteger),
    sa.Column("difficulty", sa.Integer),
    sa.Column("intent", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    uuid_column("cluster_id", nullable=True),
    sa.Column("cpc", sa.Text),
    sa.Column("locale", sa.Text),
    sa.Column("source", sa.Text),
    sa.Column("volume_estimated", sa.Boolean, nullable=False),
)

_OWN = tuple(msgspec.structs.fields(Keyword))
_revise = (
    sa.update(keywords)
    .where(keywords.c.keyword_id == sa.bindparam("id"), keywords.c.version < sa.bindparam("to_version"))
    .values(
        version=sa.bindparam("to_version"),
        updated_at=sa.bindparam("at"),
        **{field.name: sa.bindparam(f"to_{field.name}") for field in _OWN if field.name != "keyword_id"},
    )
)


async def apply(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
    for fact in recorded:
        match fact.event:
            case KeywordsAdded(site_id, sector_id, added):
                place = {"site_id": site_id, "sector_id": sector_id}
                await add_rows(sql, keywords, fact, [place | msgspec.structs.asdict(k) for k in added])
            case KeywordsRevised(keywords=revised):
                await sql.execute_many(_revise, [_revision(fact, keyword) for keyword in revised])
            case KeywordsRemoved(keyword_ids=keyword_ids):
                await change_rows(
                    sql, keywords, fact, keyword_ids, archived=True, status="archived", cluster_id=None
                )


def _revision(fact: Recorded[Any], keyword: Keyword) -> dict[str, Any]:
    values = {f"to_{name}": value for name, value in msgspec.structs.asdict(keyword).items()}
    del values["to_keyword_id"]
    return values | {"id": keyword.keyword_id, "to_version": fact.version, "at": fact.recorded_at}


PROJECTION = Projection("keywords", (KEYWORDS.category,), (keywords,), apply)


async def change(tx: Transaction, sector_id: UUID, command: KeywordsCommand) -> Sequence[KeywordsEvent]:
    """Decide and append. Take the lock first (`lock`), then read the rows.

    The stream is not folded: what is decided needs only the rows, and the facts of 100,000 keywords weigh some 20 MB.
    """
    events = KEYWORDS.decide(command, None)
    if events:
        stream = KEYWORDS.stream(sector_id)
        version = await tx.scalar(
            "SELECT coalesce(max(version), 0) FROM events WHERE stream = %(stream)s", {"stream": str(stream)}
        )
        await tx.append(stream, int(version), events)
    return events  # type: ignore[return-value]  # the decider's own events


def as_keyword(row: Row) -> Keyword:
    return Keyword(**{field.name: row[field.name] for field in _OWN})


async def taken(sql: Sql, sector_id: UUID, normalised: Collection[str]) -> dict[str, UUID]:
    """Which of the normalised forms the sector has, with the ids of their keywords."""
    rows = await sql.all(
        sa.select(keywords.c.normalised, keywords.c.keyword_id).where(
            keywords.c.sector_id == sector_id,
            keywords.c.normalised == sa.any_(sa.literal(list(normalised), sa.ARRAY(sa.Text))),
            ~keywords.c.archived,
        )
    )
    return {row["normalised"]: row["keyword_id"] for row in rows}


def unclustered(sector_id: UUID) -> "sa.Select[Any]":
    """The sector's keywords that wait for a cluster, those searched for most first."""
    return (
        sa.select(keywords)
        .where(
            keywords.c.sector_id == sector_id,
            keywords.c.status == "new",
            keywords.c.cluster_id.is_(None),
            ~keywords.c.archived,
        )
        .order_by(keywords.c.volume.desc().nulls_last(), keywords.c.normalised)
    )


async def in_cluster(sql: Sql, cluster_id: UUID) -> list[Row]:
    return await sql.all(
        sa.select(keywords)
        .where(keywords.c.cluster_id == cluster_id, ~keywords.c.archived)
        .order_by(keywords.c.volume.desc().nulls_last(), keywords.c.normalised)
    )
