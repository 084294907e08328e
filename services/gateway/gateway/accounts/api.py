"""Routes of the account, its sites and their sectors. Answers carry the account stream's version."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import psycopg
import sqlalchemy as sa
from common.api.answers import Listed, Success
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, answer
from common.api.errors import not_found, validation
from common.api.paging import Page, paginate
from common.api.runtime import Runtime, RuntimeOf
from common.api.scope import require_expected, require_site
from common.database import Row, Transaction
from common.outbound import ForbiddenUrl
from common.outbound import parse as parse_url
from common.replicas import limits
from common.views import among
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from msgspec import UNSET
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from gateway.accounts.decisions import (
    ACCOUNT,
    AccountCommand,
    AddSector,
    AddSite,
    ArchiveSector,
    ArchiveSite,
    ChangeAccount,
    ChangeSector,
    ChangeSite,
    ConfigureWordPress,
    RestoreSector,
    RestoreSite,
    SlugTaken,
)
from gateway.accounts.views import accounts, sector_named, sectors, site_named, sites
from gateway.personal import Fields
from gateway.slugs import given_slug, slug_of

router = APIRouter(prefix="/api/v1/account", tags=["account"])

VERSION_HEADER = "X-Accounts-Version"
"""The account stream's version after the request: what services wait for (ARCHITECTURE §6)."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00]*$")]
Title = Annotated[Text, Field(min_length=1)]
Address = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000, pattern=r"^[^\x00]*$")]
Deleted = Annotated[bool, Query(description="Archived ones, for owners and admins.")]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SiteIn(Body):
    name: Title
    slug: str | None = Field(None, description="Made from the name when left out.")
    domain: Text = ""
    industry: Text = ""
    status: Literal["active", "paused"] = "active"
    is_active: bool = True
    editors_approve: bool = Field(False, description="Whether its editors approve and publish, too.")
    wp_url: Address | None = None
    wp_username: Text | None = None
    wp_app_password: SecretStr | None = Field(None, max_length=500)


class SiteWhole(SiteIn):
    default_sector: UUID | None = Field(None, description="One of the site's sectors.")


class SiteChanges(Body):
    name: Title | None = None
    slug: str | None = None
    domain: Text | None = None
    industry: Text | None = None
    status: Literal["active", "paused"] | None = None
    is_active: bool | None = None
    editors_approve: bool | None = None
    default_sector: UUID | None = Field(None, description="One of the site's sectors; null for none.")
    wp_url: Address | None = None
    wp_username: Text | None = None
    wp_app_password: SecretStr | None = Field(None, max_length=500)


class SectorIn(Body):
    name: Title
    slug: str | None = Field(None, description="Made from the name when left out.")
    industry_sector: Text = ""
    is_active: bool = True


class SectorChanges(Body):
    name: Title | None = None
    slug: str | None = None
    industry_sector: Text | None = None
    is_active: bool | None = None


class AccountChanges(Body):
    name: Title | None = None
    slug: str | None = None


class AccountOut(BaseModel):
    id: UUID
    name: str
    slug: str
    status: str
    trial_ends_at: datetime
    version: int
    created_at: datetime
    updated_at: datetime


class SiteOut(BaseModel):
    id: UUID
    account_id: UUID
    name: str
    slug: str
    domain: str
    industry: str
    status: str
    is_active: bool
    editors_approve: bool
    default_sector: UUID | None
    wp_url: str | None
    wp_username: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class SectorOut(BaseModel):
    id: UUID
    account_id: UUID
    site_id: UUID
    name: str
    slug: str
    industry_sector: str
    status: str
    is_active: bool
    version: int
    created_at: datetime
    updated_at: datetime


@router.get("/", summary="The account", response_model=Success[AccountOut])
async def get_account(caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        row = await tx.first(sa.select(accounts))
    if row is None:
        raise not_found("Account", caller.account_id)
    fields = Fields(await runtime.secrets.data_key(caller.account_id), caller.account_id)
    shown = {name: row[name] for name in row if name not in ("account_id", "name_cipher")}
    data = AccountOut(id=row["account_id"], name=fields.read("name", row["name_cipher"]), **shown)
    return answer(data, headers={VERSION_HEADER: str(row["version"])})


@router.patch("/", summary="Change the account's name or slug", response_model=Success[AccountOut])
async def patch_account(body: AccountChanges, caller: Caller, runtime: Runtime) -> Answer:
    """A slug the account had before stays its own, and may be taken again."""
    slug = given_slug(body.slug) if body.slug else None
    fields = Fields(await runtime.secrets.data_key(caller.account_id), caller.account_id)

    async def work(tx: Transaction) -> None:
        await require_expected(tx, sa.select(accounts.c.version), caller)
        row = await tx.first(sa.select(accounts))
        # The same name encrypts to another text each time: only a changed name is a change.
        known = fields.read("name", row["name_cipher"]) if row else None
        cipher = fields.seal("name", body.name) if body.name and body.name != known else None
        await tx.handle(ACCOUNT, caller.account_id, ChangeAccount(caller.account_id, slug, cipher))

    try:
        await runtime.database.run(caller.account_id, work, caller.meta)
    except psycopg.errors.UniqueViolation as error:
        raise SlugTaken(f"The slug {slug!r} is taken; choose another.", slug=slug) from error
    return await get_account(caller, runtime)


@router.get("/sites/", summary="List sites", response_model=Success[Listed[SiteOut]])
async def list_sites(
    caller: Caller, runtime: Runtime, page: Page, request: Request, deleted: Deleted = False
) -> Answer:
    _may_see_deleted(caller, deleted)
    query = sa.select(sites).where(sites.c.archived == deleted)
    if caller.site_ids is not None:
        query = query.where(among(sites.c.id, caller.site_ids))
    async with runtime.database.transaction(caller.account_id) as tx:
        columns = {"created_at": sites.c.created_at, "name": sites.c.name}
        found = await paginate(tx, query, page, request, ordering=columns, tie=sites.c.id, show=_site_out)
    return answer(found)


@router.post("/sites/", status_code=201, summary="Add a site", response_model=Success[SiteOut])
async def add_site(body: SiteIn, caller: Caller, runtime: Runtime) -> Answer:
    site_id = caller.new_id("site")
    slug = given_slug(body.slug) if body.slug else slug_of(body.name)
    command = AddSite(
        site_id,
        body.name,
        slug,
        body.domain,
        body.industry,
        body.status,
        body.is_active,
        body.editors_approve,
    )
    return await _save_site(runtime, caller, site_id, command, await _word_press(body, runtime, caller), 201)


@router.get("/sites/{site_id}/", summary="A site", response_model=Success[SiteOut])
async def get_site(site_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    require_site(site_id, caller)
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(_site_out(await site_named(tx, site_id)))


@router.put("/sites/{site_id}/", summary="Replace a site", response_model=Success[SiteOut])
async def put_site(site_id: UUID, body: SiteWhole, caller: Caller, runtime: Runtime) -> Answer:
    return await _change_site(site_id, SiteChanges(**body.model_dump()), caller, runtime)


@router.patch("/sites/{site_id}/", summary="Change a site", response_model=Success[SiteOut])
async def patch_site(site_id: UUID, body: SiteChanges, caller: Caller, runtime: Runtime) -> Answer:
    return await _change_site(site_id, body, caller, runtime)


@router.delete("/sites/{site_id}/", status_code=204, summary="Archive a site")
async def archive_site(site_id: UUID, caller: Caller, runtime: Runtime) -> Response:
    require_site(site_id, caller)
    version = await _handle(runtime, caller, ArchiveSite(site_id), _site_row(site_id))
    return Response(status_code=204, headers={VERSION_HEADER: str(version)})


@router.post(
    "/sites/{site_id}/restore/", summary="Bring an archived site back", response_model=Success[SiteOut]
)
async def restore_site(site_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    return await _save_site(runtime, caller, site_id, RestoreSite(site_id), None, 200)


@router.get(
    "/sites/{site_id}/sectors/", summary="List a site's sectors", response_model=Success[Listed[SectorOut]]
)
async def list_sectors(
    site_id: UUID, caller: Caller, runtime: Runtime, page: Page, request: Request, deleted: Deleted = False
) -> Answer:
    require_site(site_id, caller)
    _may_see_deleted(caller, deleted)
    query = sa.select(sectors).where(sectors.c.site_id == site_id, sectors.c.archived == deleted)
    async with runtime.database.transaction(caller.account_id) as tx:
        await site_named(tx, site_id)
        columns = {"created_at": sectors.c.created_at, "name": sectors.c.name}
        found = await paginate(tx, query, page, request, ordering=columns, tie=sectors.c.id, show=_sector_out)
    return answer(found)


@router.post(
    "/sites/{site_id}/sectors/", status_code=201, summary="Add a sector", response_model=Success[SectorOut]
)
async def add_sector(site_id: UUID, body: SectorIn, caller: Caller, runtime: Runtime) -> Answer:
    require_site(site_id, caller)
    sector_id = caller.new_id("sector")
    slug = given_slug(body.slug) if body.slug else slug_of(body.name)
    command = AddSector(sector_id, site_id, body.name, slug, body.industry_sector, body.is_active)
    return await _save_sector(runtime, caller, site_id, sector_id, command, 201)


@router.get("/sites/{site_id}/sectors/{sector_id}/", summary="A sector", response_model=Success[SectorOut])
async def get_sector(site_id: UUID, sector_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    require_site(site_id, caller)
    async with runtime.database.transaction(caller.account_id) as tx:
        await site_named(tx, site_id)
        return answer(_sector_out(await sector_named(tx, site_id, sector_id)))


@router.put(
    "/sites/{site_id}/sectors/{sector_id}/", summary="Replace a sector", response_model=Success[SectorOut]
)
async def put_sector(
    site_id: UUID, sector_id: UUID, body: SectorIn, caller: Caller, runtime: Runtime
) -> Answer:
    return await patch_sector(site_id, sector_id, SectorChanges(**body.model_dump()), caller, runtime)


@router.patch(
    "/sites/{site_id}/sectors/{sector_id}/", summary="Change a sector", response_model=Success[SectorOut]
)
async def patch_sector(
    site_id: UUID, sector_id: UUID, body: SectorChanges, caller: Caller, runtime: Runtime
) -> Answer:
    require_site(site_id, caller)
    slug = given_slug(body.slug) if body.slug else None
    command = ChangeSector(sector_id, site_id, body.name, slug, body.industry_sector, body.is_active)
    return await _save_sector(runtime, caller, site_id, sector_id, command, 200)


@router.delete("/sites/{site_id}/sectors/{sector_id}/", status_code=204, summary="Archive a sector")
async def archive_sector(site_id: UUID, sector_id: UUID, caller: Caller, runtime: Runtime) -> Response:
    require_site(site_id, caller)
    version = await _handle(runtime, caller, ArchiveSector(sector_id, site_id), _sector_row(sector_id))
    return Response(status_code=204, headers={VERSION_HEADER: str(version)})


@router.post(
    "/sites/{site_id}/sectors/{sector_id}/restore/",
    summary="Bring an archived sector back",
    response_model=Success[SectorOut],
)
async def restore_sector(site_id: UUID, sector_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    require_site(site_id, caller)
    command = RestoreSector(sector_id, site_id)
    return await _save_sector(runtime, caller, site_id, sector_id, command, 200)


async def _change_site(site_id: UUID, body: SiteChanges, caller: CallerOf, runtime: RuntimeOf) -> Answer:
    require_site(site_id, caller)
    slug = given_slug(body.slug) if body.slug else None
    command = ChangeSite(
        site_id,
        body.name,
        slug,
        body.domain,
        body.industry,
        body.status,
        body.is_active,
        body.editors_approve,
        body.default_sector if "default_sector" in body.model_fields_set else UNSET,
    )
    return await _save_site(runtime, caller, site_id, command, await _word_press(body, runtime, caller), 200)


async def _word_press(
    body: SiteIn | SiteChanges, runtime: RuntimeOf, caller: CallerOf
) -> Mapping[str, Any] | None:
    """Address, user and reference of a site's WordPress, its password put away; None where none is given."""
    given = {name: getattr(body, name) for name in ("wp_url", "wp_username", "wp_app_password")}
    if not any(given.values()):
        return None
    for name, value in given.items():
        if not value:
            raise validation(name, "is needed: url, username and app password come together")
    try:
        parse_url(str(body.wp_url))
    except ForbiddenUrl as error:
        raise validation("wp_url", str(error)) from error
    assert body.wp_app_password is not None
    ref = await runtime.secrets.put(caller.account_id, body.wp_app_password.get_secret_value())
    return {"url": body.wp_url, "username": body.wp_username, "secret": ref}


async def _save_site(
    runtime: RuntimeOf,
    caller: CallerOf,
    site_id: UUID,
    command: AccountCommand,
    word_press: Mapping[str, Any] | None,
    status: int,
) -> Answer:
    async def work(tx: Transaction) -> tuple[Row, int]:
        await require_expected(tx, _site_row(site_id), caller)
        asked = command
        if isinstance(asked, AddSite | RestoreSite):
            asked = replace(asked, limit=await limits.limit(tx, "sites"))
        handled = await tx.handle(ACCOUNT, caller.account_id, asked)
        if word_press is not None:
            configure = ConfigureWordPress(site_id, **word_press)
            handled = await tx.handle(ACCOUNT, caller.account_id, configure)
        return await site_named(tx, site_id), handled.version

    row, version = await runtime.database.run(caller.account_id, work, caller.meta)
    return answer(_site_out(row), status=status, headers={VERSION_HEADER: str(version)})


async def _save_sector(
    runtime: RuntimeOf,
    caller: CallerOf,
    site_id: UUID,
    sector_id: UUID,
    command: AccountCommand,
    status: int,
) -> Answer:
    async def work(tx: Transaction) -> tuple[Row, int]:
        await require_expected(tx, _sector_row(sector_id), caller)
        handled = await tx.handle(ACCOUNT, caller.account_id, command)
        return await sector_named(tx, site_id, sector_id), handled.version

    row, version = await runtime.database.run(caller.account_id, work, caller.meta)
    return answer(_sector_out(row), status=status, headers={VERSION_HEADER: str(version)})


async def _handle(
    runtime: RuntimeOf, caller: CallerOf, command: AccountCommand, changed: "sa.Select[Any]"
) -> int:
    async def work(tx: Transaction) -> int:
        await require_expected(tx, changed, caller)
        return (await tx.handle(ACCOUNT, caller.account_id, command)).version

    return await runtime.database.run(caller.account_id, work, caller.meta)


def _site_row(site_id: UUID) -> "sa.Select[Any]":
    return sa.select(sites.c.version).where(sites.c.id == site_id)


def _sector_row(sector_id: UUID) -> "sa.Select[Any]":
    return sa.select(sectors.c.version).where(sectors.c.id == sector_id)


def _may_see_deleted(caller: CallerOf, deleted: bool) -> None:
    if deleted:
        caller.require("manage")


def _site_out(row: Row) -> SiteOut:
    status = "archived" if row["archived"] else row["status"]
    return SiteOut(**{**row, "status": status})


def _sector_out(row: Row) -> SectorOut:
    status = "archived" if row["archived"] else "active" if row["is_active"] else "inactive"
    return SectorOut(**row, status=status)
