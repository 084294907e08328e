"""Terms as a table."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from common.database import Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import add_rows, change_rows, resource_columns, uuid_column

from writer import metadata
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
                row = {
                    "term_id": event.term_id,
                    "site_id": event.site_id,
                    "sector_id": event.sector_id,
                    "taxonomy": event.taxonomy,
                    "name": event.name,
                    "slug": event.slug,
                }
                await add_rows(sql, terms, fact, [row])
            case TermRenamed() as event:
                await change_rows(sql, terms, fact, [event.term_id], name=event.name)


PROJECTION = Projection("terms", (TERM.category,), (terms,), apply)
