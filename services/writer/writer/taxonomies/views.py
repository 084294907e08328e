"""Terms as a table."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from common.database import Sql
from common.eventsourcing.event import Recorded
from common.model import Projection

from writer import metadata
from writer.rows import add_row, change_row, resource_columns, uuid_column
from writer.taxonomies.decisions import TERM
from writer.taxonomies.events import TermAdded, TermRenamed

terms = sa.Table(
    "terms",
    metadata,
    uuid_column("term_id", primary_key=True),
    *resource_columns(),
    sa.Column("taxonomy", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("slug", sa.Text, nullable=False),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
    for fact in recorded:
        match fact.event:
            case TermAdded() as event:
                await add_row(
                    sql,
                    terms,
                    fact,
                    term_id=event.term_id,
                    site_id=event.site_id,
                    sector_id=event.sector_id,
                    taxonomy=event.taxonomy,
                    name=event.name,
                    slug=event.slug,
                )
            case TermRenamed() as event:
                await change_row(sql, terms, fact, event.term_id, name=event.name)


PROJECTION = Projection("terms", (TERM.category,), (terms,), apply)
