"""An account's prompts as a table, and every text they have had."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from common.database import Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import add_rows, change_rows, put_rows, time_columns, uuid_column

from gateway import metadata
from gateway.prompts.decisions import PROMPTS
from gateway.prompts.events import PromptArchived, PromptEvent, PromptRestored, PromptWritten

prompts = sa.Table(
    "prompts",
    metadata,
    uuid_column("account_id"),
    uuid_column("id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("prompt_type", sa.Text, nullable=False),
    sa.Column("prompt_value", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("archived", sa.Boolean, nullable=False),
    *time_columns(),
)
prompt_versions = sa.Table(
    "prompt_versions",
    metadata,
    uuid_column("account_id"),
    uuid_column("prompt_id", primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("prompt_value", sa.Text, nullable=False),
    sa.Column("written_by", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[PromptEvent]]) -> None:
    for fact in recorded:
        event = fact.event
        row: dict[str, Any] = {
            "id": event.prompt_id,
            "prompt_type": event.prompt_type,
            "prompt_value": event.prompt_value,
            "number": event.number,
        }
        match event:
            case PromptWritten():
                await put_rows(sql, prompts, fact, [{**row, "archived": False}])
                text = {
                    "prompt_id": event.prompt_id,
                    "number": event.number,
                    "prompt_value": event.prompt_value,
                    "written_by": fact.meta.actor,
                }
                await add_rows(sql, prompt_versions, fact, [text])
            case PromptArchived():
                await change_rows(sql, prompts, fact, [event.prompt_id], archived=True)
            case PromptRestored():
                await change_rows(sql, prompts, fact, [event.prompt_id], archived=False)


PROJECTION = Projection("prompts", (PROMPTS.category,), (prompts, prompt_versions), apply)
