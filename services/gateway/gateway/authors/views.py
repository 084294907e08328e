"""An account's author profiles as a table."""

from collections.abc import Sequence

import sqlalchemy as sa
from common.database import Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import change_rows, put_rows, time_columns, uuid_column

from gateway import metadata
from gateway.authors.decisions import AUTHORS
from gateway.authors.events import AuthorEvent, AuthorProfileArchived, AuthorProfileWritten

author_profiles = sa.Table(
    "author_profiles",
    metadata,
    uuid_column("account_id"),
    uuid_column("id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("tone", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    sa.Column("archived", sa.Boolean, nullable=False),
    *time_columns(),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[AuthorEvent]]) -> None:
    for fact in recorded:
        match fact.event:
            case AuthorProfileWritten(id, name, description, tone, language, is_default):
                row = {
                    "id": id,
                    "name": name,
                    "description": description,
                    "tone": tone,
                    "language": language,
                    "is_default": is_default,
                    "archived": False,
                }
                await put_rows(sql, author_profiles, fact, [row])
            case AuthorProfileArchived(id):
                await change_rows(sql, author_profiles, fact, [id], archived=True, is_default=False)


PROJECTION = Projection("author_profiles", (AUTHORS.category,), (author_profiles,), apply)
