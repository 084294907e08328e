"""AI settings as a table: a row per account and type."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from common.contracts.settings import AISettingsChanged, SettingsType
from common.database import Row, Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import put_rows, time_columns, uuid_column
from sqlalchemy.dialects.postgresql import JSONB

from gateway import metadata
from gateway.ai_settings.decisions import AI_SETTINGS
from gateway.ai_settings.events import AISettingsWritten

ai_settings = sa.Table(
    "ai_settings",
    metadata,
    uuid_column("account_id", primary_key=True),
    sa.Column("settings_type", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("base_url", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("size", sa.Text, nullable=False),
    sa.Column("quality", sa.Text, nullable=False),
    sa.Column("secret", JSONB(none_as_null=True)),
    *time_columns(),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[AISettingsWritten]]) -> None:
    for fact in recorded:
        await put_rows(sql, ai_settings, fact, [msgspec.to_builtins(fact.event)])


PROJECTION = Projection("ai_settings", (AI_SETTINGS.category,), (ai_settings,), apply)


async def settings_rows(sql: Sql) -> dict[SettingsType, Row]:
    """What the account has set, by type."""
    return {row["settings_type"]: row for row in await sql.all(sa.select(ai_settings))}


def version_of(type: SettingsType) -> "sa.Select[Any]":
    """The version that settings of a type are shown with; 0 where nothing was ever set."""
    version = sa.func.coalesce(sa.func.max(ai_settings.c.version), 0).label("version")
    return sa.select(version).where(ai_settings.c.settings_type == type)


def said(row: Row) -> AISettingsChanged:
    """A row as the other services know it."""
    fields = {name: row[name] for name in AISettingsChanged.__struct_fields__}
    return msgspec.convert(fields, AISettingsChanged)
