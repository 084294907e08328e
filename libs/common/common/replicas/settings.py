"""The replicas of an account's prompts, author profiles, strategies and AI settings, and of the platform's AI settings."""

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from common.contracts.settings import (
    AISettingsChanged,
    AuthorProfileChanged,
    PromptChanged,
    PromptType,
    SettingsType,
    StrategyChanged,
)
from common.database import Sql, Transaction
from common.ids import SYSTEM_ACCOUNT
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions
from common.replicas import metadata
from common.views import upsert_rows, uuid_column

T = TypeVar("T")


def _table(name: str, key: str) -> sa.Table:
    """`said` is the newest event, whole."""
    return sa.Table(
        name,
        metadata,
        uuid_column("account_id"),
        uuid_column(key, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("said", JSONB, nullable=False),
    )


replica_prompts = _table("replica_prompts", "prompt_id")
replica_authors = _table("replica_authors", "profile_id")
replica_strategies = _table("replica_strategies", "strategy_id")
replica_ai_settings = sa.Table(
    "replica_ai_settings",
    metadata,
    uuid_column("account_id", primary_key=True),
    sa.Column("settings_type", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("said", JSONB, nullable=False),
)
replica_platform_settings = sa.Table(
    "replica_platform_settings",
    metadata,
    sa.Column("settings_type", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("said", JSONB, nullable=False),
)
"""No tenant's data, so without row-level security."""

TABLES = (
    replica_prompts,
    replica_authors,
    replica_strategies,
    replica_ai_settings,
    replica_platform_settings,
)

reactions = Reactions(of_replicas=True)


def _row(event: Heard[Any], **key: object) -> dict[str, Any]:
    said = msgspec.to_builtins(event.data)
    return {"account_id": event.account_id, **key, "version": event.version, "said": said}


@reactions.on(PromptChanged)
async def prompt_changed(event: Heard[PromptChanged], tx: Transaction) -> None:
    row = _row(event, prompt_id=event.data.prompt_id)
    await upsert_rows(tx, replica_prompts, [row], newer_by="version")


@reactions.on(AuthorProfileChanged)
async def author_changed(event: Heard[AuthorProfileChanged], tx: Transaction) -> None:
    row = _row(event, profile_id=event.data.profile_id)
    await upsert_rows(tx, replica_authors, [row], newer_by="version")


@reactions.on(StrategyChanged)
async def strategy_changed(event: Heard[StrategyChanged], tx: Transaction) -> None:
    row = _row(event, strategy_id=event.data.strategy_id)
    await upsert_rows(tx, replica_strategies, [row], newer_by="version")


@reactions.on(AISettingsChanged)
async def ai_settings_changed(event: Heard[AISettingsChanged], tx: Transaction) -> None:
    row = _row(event, settings_type=event.data.settings_type)
    if event.account_id == SYSTEM_ACCOUNT:
        del row["account_id"]
        await upsert_rows(tx, replica_platform_settings, [row], newer_by="version")
    else:
        await upsert_rows(tx, replica_ai_settings, [row], newer_by="version")


async def prompt_text(sql: Sql, type: PromptType) -> str | None:
    """The account's own prompt of a type; None where the default is in force."""
    found = [prompt for prompt in await _said(sql, replica_prompts, PromptChanged) if not prompt.archived]
    return next((prompt.prompt_value for prompt in found if prompt.prompt_type == type), None)


async def default_author(sql: Sql) -> AuthorProfileChanged | None:
    """Who the account writes as, if it has said so."""
    authors = await _said(sql, replica_authors, AuthorProfileChanged)
    return next((author for author in authors if author.is_default and not author.archived), None)


async def active_strategy(sql: Sql, sector_id: UUID, type: PromptType) -> StrategyChanged | None:
    """The sector's active strategy for prompts of that type, else the account's."""
    active = [
        strategy
        for strategy in await _said(sql, replica_strategies, StrategyChanged)
        if strategy.is_active
        and not strategy.archived
        and strategy.sector_id in (sector_id, None)
        and (not strategy.prompt_types or type in strategy.prompt_types)
    ]
    return next(iter(sorted(active, key=lambda strategy: strategy.sector_id is None)), None)


async def ai_settings(sql: Sql) -> Mapping[SettingsType, AISettingsChanged]:
    """The account's own active settings."""
    return _active(await _said(sql, replica_ai_settings, AISettingsChanged))


async def platform_settings(sql: Sql) -> Mapping[SettingsType, AISettingsChanged]:
    """What the platform offers to accounts without settings of their own."""
    return _active(await _said(sql, replica_platform_settings, AISettingsChanged))


def _active(found: list[AISettingsChanged]) -> Mapping[SettingsType, AISettingsChanged]:
    return {each.settings_type: each for each in found if each.is_active}


async def _said(sql: Sql, table: sa.Table, kind: type[T]) -> list[T]:
    rows = await sql.all(sa.select(table.c.said))
    return [msgspec.convert(row["said"], kind) for row in rows]
