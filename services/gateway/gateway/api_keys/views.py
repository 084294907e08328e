"""API keys as tables, how one is found before the tenant is known, and when each was last used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never
from uuid import UUID

import sqlalchemy as sa
from common.contracts.gateway import Module
from common.database import Row, Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import add_rows, change_rows, time_columns, uuid_column
from sqlalchemy.dialects.postgresql import UUID as PgUUID
from sqlalchemy.dialects.postgresql import insert

from gateway import metadata
from gateway.accounts.views import accounts
from gateway.api_keys.decisions import API_KEY
from gateway.api_keys.events import ApiKeyChanged, ApiKeyEvent, ApiKeyMade, ApiKeyRevoked, ApiKeyRotated

api_keys = sa.Table(
    "api_keys",
    metadata,
    uuid_column("account_id"),
    uuid_column("id", primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("name_cipher", sa.Text, nullable=False),
    sa.Column("prefix", sa.Text, nullable=False),
    sa.Column("scopes", sa.ARRAY(sa.Text), nullable=False),
    sa.Column("site_ids", sa.ARRAY(PgUUID(as_uuid=True))),
    sa.Column("expires_at", sa.DateTime(timezone=True)),
    sa.Column("old_until", sa.DateTime(timezone=True)),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("archived", sa.Boolean, nullable=False),
    *time_columns(),
)
hashes = sa.Table(
    "api_key_hashes",
    metadata,
    uuid_column("account_id"),
    uuid_column("api_key_id"),
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("valid_until", sa.DateTime(timezone=True)),
)
uses = sa.Table(
    "api_key_uses",
    metadata,
    uuid_column("account_id"),
    uuid_column("api_key_id", primary_key=True),
    sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
)
"""Noticed, not decided: no facts, so no part of the projection."""


async def apply(sql: Sql, recorded: Sequence[Recorded[ApiKeyEvent]]) -> None:
    for fact in recorded:
        await _apply(sql, fact)


async def _apply(sql: Sql, fact: Recorded[ApiKeyEvent]) -> None:
    api_key_id = UUID(fact.stream.partition("-")[2])
    event = fact.event
    match event:
        case ApiKeyMade():
            row = {
                "id": api_key_id,
                "name_cipher": event.name_cipher,
                "prefix": event.prefix,
                "scopes": list(event.scopes),
                "site_ids": _ids(event.site_ids),
                "expires_at": event.expires_at,
                "created_by": fact.meta.actor,
            }
            await add_rows(sql, api_keys, fact, [row])
            await _add_hash(sql, fact, api_key_id, event.hash)
        case ApiKeyChanged():
            await change_rows(
                sql,
                api_keys,
                fact,
                [api_key_id],
                name_cipher=event.name_cipher,
                scopes=list(event.scopes),
                site_ids=_ids(event.site_ids),
                expires_at=event.expires_at,
            )
        case ApiKeyRotated():
            await _end_hashes(sql, fact, api_key_id, event.old_until)
            await change_rows(
                sql, api_keys, fact, [api_key_id], prefix=event.prefix, old_until=event.old_until
            )
            await _add_hash(sql, fact, api_key_id, event.hash)
        case ApiKeyRevoked():
            await change_rows(sql, api_keys, fact, [api_key_id], archived=True)
        case _:
            assert_never(event)


def _ids(site_ids: tuple[UUID, ...] | None) -> list[UUID] | None:
    return None if site_ids is None else list(site_ids)


async def _add_hash(sql: Sql, fact: Recorded[ApiKeyEvent], api_key_id: UUID, hash: str) -> None:
    row = {"account_id": fact.account_id, "api_key_id": api_key_id, "hash": hash}
    await sql.execute(insert(hashes).values(**row).on_conflict_do_nothing())


async def _end_hashes(sql: Sql, fact: Recorded[ApiKeyEvent], api_key_id: UUID, until: str) -> None:
    """No secret before this rotation outlives its overlap, also one that an earlier rotation gave longer."""
    new = sa.exists().where(api_keys.c.id == api_key_id, api_keys.c.version < fact.version)
    await sql.execute(
        sa.update(hashes)
        .where(hashes.c.api_key_id == api_key_id, new)
        .values(valid_until=sa.func.least(hashes.c.valid_until, sa.cast(until, sa.DateTime(timezone=True))))
    )


PROJECTION = Projection("api_keys", (API_KEY.category,), (api_keys, hashes), apply)

SHOWN = sa.select(api_keys, uses.c.last_used_at).select_from(
    api_keys.outerjoin(uses, uses.c.api_key_id == api_keys.c.id)
)


@dataclass(frozen=True, slots=True)
class Found:
    """A key that is not revoked, with its account's standing; `ends_at` None: it has no end."""

    account_id: UUID
    api_key_id: UUID
    scopes: tuple[str, ...]
    site_ids: tuple[UUID, ...] | None
    ends_at: datetime | None
    status: str
    trial_ends_at: datetime
    version: int
    modules: Mapping[Module, bool]


async def find_by_hash(sql: Sql, hash: str) -> Found | None:
    """Across tenants: whose key it is, only the key itself tells."""
    row = await sql.first("SELECT * FROM api_key_by_hash(%(hash)s)", {"hash": hash})
    if row is None:
        return None
    site_ids = row["site_ids"]
    return Found(
        **{**row, "scopes": tuple(row["scopes"]), "site_ids": None if site_ids is None else tuple(site_ids)}
    )


async def used_at(sql: Sql, used: Sequence[Row]) -> None:
    """Note last uses (`account_id`, `api_key_id`, `last_used_at`) of one account's keys; a later one stays.

    An account that was erased meanwhile is passed over.
    """
    if not await sql.scalar(sa.select(accounts.c.account_id)):
        return
    statement = insert(uses)
    await sql.execute_many(
        statement.on_conflict_do_update(
            index_elements=["api_key_id"],
            set_={"last_used_at": sa.func.greatest(uses.c.last_used_at, statement.excluded.last_used_at)},
        ),
        used,
    )
