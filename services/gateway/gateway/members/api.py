"""Routes of an account's users: who they are, their role, the sites they see. They come by invitation."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from common.api.answers import Listed, Success
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, answer
from common.api.errors import not_found
from common.api.paging import Page, paginate
from common.api.runtime import Runtime, RuntimeOf
from common.contracts.gateway import Role
from common.database import Row, Sql, Transaction
from common.replicas import limits
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from gateway.accounts.api import VERSION_HEADER
from gateway.accounts.decisions import (
    ACCOUNT,
    SEES_GRANTED_SITES,
    ChangeMember,
    GrantSites,
    MemberCommand,
)
from gateway.accounts.views import members
from gateway.invitations.api import MOST_SITES
from gateway.invitations.views import open_invitations
from gateway.personal import Fields
from gateway.users import sessions
from gateway.users.api import Body
from gateway.users.decisions import USER, SignOutEverywhere
from gateway.users.views import members_of_account, user_row, users

router = APIRouter(prefix="/api/v1/account/users", tags=["account"])


class MemberIn(Body):
    role: Role
    is_active: bool = True


class MemberChanges(Body):
    role: Role | None = Field(None, description="`owner` hands the account over: by its owner only.")
    is_active: bool | None = None


class SitesIn(Body):
    site_ids: list[UUID] = Field(max_length=MOST_SITES)


class MemberOut(BaseModel):
    id: UUID
    account_id: UUID
    email: str
    first_name: str
    last_name: str
    role: Role
    is_active: bool
    site_ids: list[UUID] | None = Field(description="The granted sites; null where the role sees all.")
    last_login: datetime | None
    created_at: datetime
    updated_at: datetime


class SitesOut(BaseModel):
    user_id: UUID
    all_sites: bool
    site_ids: list[UUID] = Field(description="The granted ones; empty where the role sees all.")


@router.get("/", summary="The account's users", response_model=Success[Listed[MemberOut]])
async def list_users(
    caller: Caller,
    runtime: Runtime,
    page: Page,
    request: Request,
    role: Annotated[Role | None, Query()] = None,
    is_active: Annotated[bool | None, Query()] = None,
) -> Answer:
    query = members_of_account()
    if role is not None:
        query = query.where(members.c.role == role)
    if is_active is not None:
        query = query.where(members.c.active == is_active)
    key = await runtime.secrets.data_key(caller.account_id)
    async with runtime.database.transaction(caller.account_id) as tx:
        found = await paginate(
            tx,
            query,
            page,
            request,
            ordering={"created_at": users.c.created_at, "last_login": users.c.last_login},
            tie=users.c.user_id,
            show=lambda row: _shown(row, Fields(key, row["user_id"])),
        )
    return answer(found)


@router.get("/{user_id}/", summary="A user", response_model=Success[MemberOut])
async def get_user(user_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        row = await _member(tx, user_id)
    return await _answer(runtime, caller, row)


@router.put("/{user_id}/", summary="Set role and activity of a user", response_model=Success[MemberOut])
async def put_user(user_id: UUID, body: MemberIn, caller: Caller, runtime: Runtime) -> Answer:
    return await patch_user(user_id, MemberChanges(**body.model_dump()), caller, runtime)


@router.patch("/{user_id}/", summary="Change role or activity of a user", response_model=Success[MemberOut])
async def patch_user(user_id: UUID, body: MemberChanges, caller: Caller, runtime: Runtime) -> Answer:
    """With the role `owner` the account changes hands: the owner until then becomes an admin."""
    if body.role == "owner":
        caller.require("billing")
    command = ChangeMember(user_id, body.role, body.is_active, by=_by(caller))
    row, version = await _handle(runtime, caller, user_id, command)
    return await _answer(runtime, caller, row, version)


@router.delete("/{user_id}/", status_code=204, summary="Take a user out of the account")
async def deactivate_user(user_id: UUID, caller: Caller, runtime: Runtime) -> Response:
    """Its sessions end. It stays known, and can come back (`is_active`)."""
    _, version = await _handle(runtime, caller, user_id, ChangeMember(user_id, active=False, by=_by(caller)))
    return Response(status_code=204, headers={VERSION_HEADER: str(version)})


@router.get("/{user_id}/sites/", summary="The sites a user sees", response_model=Success[SitesOut])
async def get_sites(user_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(_sites(await _member(tx, user_id)))


@router.put(
    "/{user_id}/sites/", summary="Grant exactly these sites to a user", response_model=Success[SitesOut]
)
async def put_sites(user_id: UUID, body: SitesIn, caller: Caller, runtime: Runtime) -> Answer:
    """For editors and viewers; owners and admins see all sites."""
    command = GrantSites(user_id, tuple(body.site_ids))
    row, version = await _handle(runtime, caller, user_id, command)
    return answer(_sites(row), headers={VERSION_HEADER: str(version)})


async def _handle(
    runtime: RuntimeOf, caller: CallerOf, user_id: UUID, command: MemberCommand
) -> tuple[Row, int]:
    async def work(tx: Transaction) -> tuple[Row, int]:
        await tx.lock()  # so that nobody is invited between the count and the change
        asked = command
        if isinstance(asked, ChangeMember) and asked.active:
            users = await limits.limit(tx, "users")
            asked = replace(asked, invited=await open_invitations(tx), limit=users)
        version = (await tx.handle(ACCOUNT, caller.account_id, asked)).version
        row = await _member(tx, user_id)
        if not row["is_active"]:
            await tx.handle(USER, user_id, SignOutEverywhere())
            await sessions.end_all(tx, user_id)
        return row, version

    return await runtime.database.run(caller.account_id, work, caller.meta)


async def _member(sql: Sql, user_id: UUID) -> Row:
    """Raises 404."""
    row = await user_row(sql, user_id)
    if row is None:
        raise not_found("User", user_id)
    return row


async def _answer(runtime: RuntimeOf, caller: CallerOf, row: Row, version: int | None = None) -> Answer:
    fields = Fields(await runtime.secrets.data_key(caller.account_id), row["user_id"])
    headers = {} if version is None else {VERSION_HEADER: str(version)}
    return answer(_shown(row, fields), headers=headers)


def _by(caller: CallerOf) -> UUID | None:
    """The member who asks; None is staff on somebody else's account."""
    return None if caller.identity.act_as else caller.user_id


def _shown(row: Row, fields: Fields) -> MemberOut:
    granted = list(row["site_ids"]) if row["role"] in SEES_GRANTED_SITES else None
    return MemberOut(
        id=row["user_id"],
        email=fields.read("email", row["email_cipher"]),
        first_name=fields.read("first_name", row["first_name_cipher"]),
        last_name=fields.read("last_name", row["last_name_cipher"]),
        site_ids=granted,
        **{
            name: row[name]
            for name in ("account_id", "role", "is_active", "last_login", "created_at", "updated_at")
        },
    )


def _sites(row: Row) -> SitesOut:
    restricted = row["role"] in SEES_GRANTED_SITES
    return SitesOut(
        user_id=row["user_id"],
        all_sites=not restricted,
        site_ids=list(row["site_ids"]) if restricted else [],
    )
