"""Routes of API keys, for owners and admins. A key is shown once: when it is made, and when it is rotated."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from common.api.answers import Listed, Success
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, answer, shown_once
from common.api.errors import not_found, validation
from common.api.paging import Page, paginate
from common.api.runtime import Runtime, RuntimeOf
from common.api.scope import require_expected
from common.database import Row, Transaction
from common.views import among
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from msgspec import UNSET
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from gateway.accounts.views import sites
from gateway.api_keys.decisions import (
    API_KEY,
    ApiKeyCommand,
    ApiKeyMissing,
    ChangeApiKey,
    MakeApiKey,
    RevokeApiKey,
    RotateApiKey,
)
from gateway.api_keys.events import ApiKeyMade, Scope
from gateway.api_keys.secret import hash_of, new_secret, prefix_of
from gateway.api_keys.views import SHOWN, api_keys
from gateway.personal import Fields

router = APIRouter(prefix="/api/v1/auth/api-keys", tags=["auth"])

LAST_YEAR = 9_000
"""Later ends are none; the last days before the year 10,000 are beyond what a time zone can be added to."""
OVERLAP_SECONDS = 24 * 3600
LONGEST_OVERLAP_SECONDS = 7 * 24 * 3600
"""Whoever needs longer to hand a new key to a program makes a second key."""

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00]*$")
]
Scopes = Annotated[tuple[Scope, ...], Field(min_length=1, max_length=5)]
SiteIds = Annotated[
    tuple[UUID, ...] | None,
    Field(None, min_length=1, max_length=200, description="The only sites it opens; null: all of them."),
]
ExpiresAt = Annotated[AwareDatetime | None, Field(None, description="In the future; null: it has no end.")]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ApiKeyIn(Body):
    name: Name
    scopes: Scopes
    site_ids: SiteIds
    expires_at: ExpiresAt


class ApiKeyChanges(Body):
    """What is left out stays as it is."""

    name: Name | None = None
    scopes: Scopes | None = None
    site_ids: SiteIds
    expires_at: ExpiresAt


class RotateIn(Body):
    overlap_seconds: int = Field(
        OVERLAP_SECONDS, ge=0, le=LONGEST_OVERLAP_SECONDS, description="How long the old secret stays good."
    )


class ApiKeyOut(BaseModel):
    id: UUID
    account_id: UUID
    name: str
    prefix: str = Field(description="The secret's first characters, to recognise it by.")
    scopes: list[Scope]
    site_ids: list[UUID] | None
    expires_at: datetime | None
    old_until: datetime | None = Field(
        description="Until when the secret before the last rotation was or is good."
    )
    last_used_at: datetime | None = Field(description="To the minute.")
    created_by: str
    version: int
    created_at: datetime
    updated_at: datetime


class ApiKeyShownOut(ApiKeyOut):
    key: str | None = Field(
        description="The secret, in this answer only; null where the request is repeated under its Idempotency-Key."
    )


@router.get("/", summary="List API keys", response_model=Success[Listed[ApiKeyOut]])
async def list_api_keys(
    caller: Caller,
    runtime: Runtime,
    page: Page,
    request: Request,
    deleted: Annotated[bool, Query(description="The revoked ones.")] = False,
) -> Answer:
    key = await runtime.secrets.data_key(caller.account_id)

    def show(row: Row) -> ApiKeyOut:
        return ApiKeyOut(**_shown(row, Fields(key, row["id"])))

    async with runtime.database.transaction(caller.account_id) as tx:
        query = SHOWN.where(api_keys.c.archived == deleted)
        columns: dict[str, sa.ColumnElement[Any]] = {"created_at": api_keys.c.created_at}
        found = await paginate(tx, query, page, request, ordering=columns, tie=api_keys.c.id, show=show)
    return answer(found)


@router.post("/", status_code=201, summary="Make an API key", response_model=Success[ApiKeyShownOut])
async def make_api_key(body: ApiKeyIn, caller: Caller, runtime: Runtime) -> Answer:
    await _require_sites(runtime, caller, body.site_ids)
    api_key_id, secret = caller.new_id("api_key"), new_secret()
    made = ApiKeyMade(
        api_key_id,
        name_cipher=(await _fields(runtime, caller, api_key_id)).seal("name", body.name),
        prefix=prefix_of(secret),
        hash=await hash_of(runtime.secrets, secret),
        scopes=_sorted(body.scopes),
        site_ids=body.site_ids,
        expires_at=_in_future(runtime, body.expires_at),
    )
    return await _save(runtime, caller, api_key_id, MakeApiKey(made), secret, status=201)


@router.get("/{api_key_id}/", summary="An API key", response_model=Success[ApiKeyOut])
async def get_api_key(api_key_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        row = await _row(tx, api_key_id)
    return answer(ApiKeyOut(**_shown(row, await _fields(runtime, caller, api_key_id))))


@router.put("/{api_key_id}/", summary="Replace an API key", response_model=Success[ApiKeyOut])
async def put_api_key(api_key_id: UUID, body: ApiKeyIn, caller: Caller, runtime: Runtime) -> Answer:
    return await _change(api_key_id, ApiKeyChanges(**body.model_dump()), caller, runtime)


@router.patch("/{api_key_id}/", summary="Change an API key", response_model=Success[ApiKeyOut])
async def patch_api_key(api_key_id: UUID, body: ApiKeyChanges, caller: Caller, runtime: Runtime) -> Answer:
    return await _change(api_key_id, body, caller, runtime)


@router.delete("/{api_key_id}/", status_code=204, summary="Revoke an API key for good")
async def revoke_api_key(api_key_id: UUID, caller: Caller, runtime: Runtime) -> Response:

    async def work(tx: Transaction) -> None:
        await require_expected(tx, _version_of(api_key_id), caller)
        await _handle(tx, api_key_id, RevokeApiKey())

    await runtime.database.run(caller.account_id, work, caller.meta)
    return Response(status_code=204)


@router.post(
    "/{api_key_id}/rotate/", summary="Give an API key a new secret", response_model=Success[ApiKeyShownOut]
)
async def rotate_api_key(api_key_id: UUID, body: RotateIn, caller: Caller, runtime: Runtime) -> Answer:
    secret = new_secret()
    old_until = runtime.clock.now() + timedelta(seconds=body.overlap_seconds)
    command = RotateApiKey(prefix_of(secret), await hash_of(runtime.secrets, secret), old_until.isoformat())
    return await _save(runtime, caller, api_key_id, command, secret)


async def _change(api_key_id: UUID, body: ApiKeyChanges, caller: CallerOf, runtime: RuntimeOf) -> Answer:
    given = body.model_fields_set
    async with runtime.database.transaction(caller.account_id) as tx:
        row = await _row(tx, api_key_id)
    await _require_sites(runtime, caller, body.site_ids)
    fields = await _fields(runtime, caller, api_key_id)
    # The same name encrypts to another text each time: only a changed name is a change.
    renamed = body.name is not None and fields.read("name", row["name_cipher"]) != body.name
    command = ChangeApiKey(
        fields.seal("name", body.name) if renamed and body.name else UNSET,
        _sorted(body.scopes) if body.scopes else UNSET,
        body.site_ids if "site_ids" in given else UNSET,
        _in_future(runtime, body.expires_at) if "expires_at" in given else UNSET,
    )
    return await _save(runtime, caller, api_key_id, command)


async def _save(
    runtime: RuntimeOf,
    caller: CallerOf,
    api_key_id: UUID,
    command: ApiKeyCommand,
    secret: str | None = None,
    *,
    status: int = 200,
) -> Answer:
    async def work(tx: Transaction) -> tuple[Row, bool]:
        await require_expected(tx, _version_of(api_key_id), caller)
        if isinstance(command, MakeApiKey):
            await tx.lock()
            there = await tx.scalar(
                sa.select(sa.func.count()).select_from(api_keys).where(~api_keys.c.archived)
            )
            changed = await _handle(tx, api_key_id, replace(command, there=there))
        else:
            changed = await _handle(tx, api_key_id, command)
        return await _row(tx, api_key_id), changed

    row, changed = await runtime.database.run(caller.account_id, work, caller.meta)
    shown = _shown(row, await _fields(runtime, caller, api_key_id))
    if secret is None:
        return answer(ApiKeyOut(**shown), status=status)
    # Nothing new: an earlier try of this request made the key, and what it showed is known to nobody any more.
    return shown_once(
        ApiKeyShownOut(**shown, key=secret if changed else None),
        ApiKeyShownOut(**shown, key=None),
        status=status,
    )


async def _handle(tx: Transaction, api_key_id: UUID, command: ApiKeyCommand) -> bool:
    """Whether anything is new; raises 404."""
    try:
        return bool((await tx.handle(API_KEY, api_key_id, command)).events)
    except ApiKeyMissing as error:
        raise not_found("API key", api_key_id) from error


def _version_of(api_key_id: UUID) -> "sa.Select[Any]":
    return sa.select(api_keys.c.version).where(api_keys.c.id == api_key_id)


async def _row(tx: Transaction, api_key_id: UUID) -> Row:
    row = await tx.first(SHOWN.where(api_keys.c.id == api_key_id, ~api_keys.c.archived))
    if row is None:
        raise not_found("API key", api_key_id)
    return row


async def _fields(runtime: RuntimeOf, caller: CallerOf, api_key_id: UUID) -> Fields:
    return Fields(await runtime.secrets.data_key(caller.account_id), api_key_id)


def _shown(row: Row, fields: Fields) -> dict[str, Any]:
    return {**row, "name": fields.read("name", row["name_cipher"])}


def _sorted(scopes: tuple[Scope, ...]) -> tuple[Scope, ...]:
    return tuple(sorted(set(scopes)))


def _in_future(runtime: RuntimeOf, at: datetime | None) -> str | None:
    if at is None:
        return None
    if at.year >= LAST_YEAR:
        raise validation("expires_at", f"must lie before the year {LAST_YEAR}; null is a key without an end")
    if at <= runtime.clock.now():
        raise validation("expires_at", "lies in the past")
    return at.astimezone(UTC).isoformat()


async def _require_sites(runtime: RuntimeOf, caller: CallerOf, site_ids: tuple[UUID, ...] | None) -> None:
    """Raises 404 for a site that is not the account's."""
    if site_ids is None:
        return
    async with runtime.database.transaction(caller.account_id) as tx:
        query = sa.select(sites.c.id).where(among(sites.c.id, site_ids), ~sites.c.archived)
        found = {row["id"] for row in await tx.all(query)}
    for site_id in site_ids:
        if site_id not in found:
            raise not_found("Site", site_id)
