"""Ideas as a table, and the replica that says which task an idea became."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from common.contracts.planner import IdeaItem
from common.database import Row, Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.replicas.accounts import replica_sectors
from common.views import add_rows, among, change_rows, resource_columns, uuid_column
from sqlalchemy.dialects.postgresql import JSONB

from planner import metadata
from planner.clusters.views import clusters
from planner.ideas.decisions import IDEAS
from planner.ideas.events import (
    IdeaAdded,
    IdeaArchived,
    IdeaChanged,
    IdeaDone,
    IdeasGenerated,
    IdeasQueued,
)

ideas = sa.Table(
    "ideas",
    metadata,
    uuid_column("idea_id", primary_key=True),
    *resource_columns(),
    uuid_column("cluster_id"),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("content_type", sa.Text, nullable=False),
    sa.Column("content_structure", sa.Text, nullable=False),
    sa.Column("target_keywords", JSONB, nullable=False),
    sa.Column("word_count", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
)
replica_tasks = sa.Table(
    "replica_tasks",
    metadata,
    uuid_column("task_id", primary_key=True),
    uuid_column("account_id"),
    uuid_column("idea_id", nullable=True),
    sa.Column("written", sa.Boolean, nullable=False),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
    for fact in recorded:
        match fact.event:
            case IdeasGenerated() as event:
                await add_rows(
                    sql, ideas, fact, [_row(event, item, n) for n, item in enumerate(event.ideas, 1)]
                )
            case IdeaAdded() as event:
                await add_rows(sql, ideas, fact, [_row(event, event.idea, 1)])
            case IdeaChanged(idea=item, status=status):
                await change_rows(sql, ideas, fact, [item.idea_id], **_columns(item), status=status)
            case IdeaArchived(idea_id=idea_id):
                await change_rows(sql, ideas, fact, [idea_id], archived=True)
            case IdeasQueued(ideas=items):
                for item in items:
                    await change_rows(sql, ideas, fact, [item.idea_id], **_columns(item), status="queued")
            case IdeaDone(idea=item):
                await change_rows(sql, ideas, fact, [item.idea_id], status="done")


def _row(event: IdeasGenerated | IdeaAdded, item: IdeaItem, number: int) -> dict[str, Any]:
    return {
        "idea_id": item.idea_id,
        "site_id": event.site_id,
        "sector_id": event.sector_id,
        "cluster_id": item.cluster_id,
        "number": number,
        "status": "new",
        **_columns(item),
    }


def _columns(item: IdeaItem) -> dict[str, Any]:
    return {
        "title": item.title,
        "description": item.description,
        "content_type": item.content_type,
        "content_structure": item.content_structure,
        "target_keywords": list(item.target_keywords),
        "word_count": item.word_count,
    }


PROJECTION = Projection("ideas", (IDEAS.category,), (ideas,), apply)


@cache
def listed() -> "sa.Select[Any]":
    """All ideas with their read-only names, also archived ones."""
    return (
        sa.select(ideas, clusters.c.name.label("cluster_name"), replica_sectors.c.name.label("sector_name"))
        .outerjoin(clusters, clusters.c.cluster_id == ideas.c.cluster_id)
        .outerjoin(replica_sectors, replica_sectors.c.sector_id == ideas.c.sector_id)
    )


def as_item(row: Row) -> IdeaItem:
    return IdeaItem(
        idea_id=row["idea_id"],
        cluster_id=row["cluster_id"],
        title=row["title"],
        description=row["description"],
        content_type=row["content_type"],
        content_structure=row["content_structure"],
        target_keywords=tuple(row["target_keywords"]),
        word_count=row["word_count"],
    )


async def by_ids(sql: Sql, ids: Collection[UUID]) -> list[Row]:
    return await sql.all(sa.select(ideas).where(among(ideas.c.idea_id, ids), ~ideas.c.archived))


def waiting(sector_id: UUID) -> "sa.Select[Any]":
    """The sector's ideas that nobody has queued or rejected, the oldest first."""
    return (
        sa.select(ideas)
        .where(ideas.c.sector_id == sector_id, ideas.c.status == "new", ~ideas.c.archived)
        .order_by(ideas.c.created_at, ideas.c.cluster_id, ideas.c.number)
    )
