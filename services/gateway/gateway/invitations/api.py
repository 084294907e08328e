"""Routes of invitations: to send them, and to accept one."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import psycopg
import sqlalchemy as sa
from common.api.answers import Listed, Success
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, answer
from common.api.errors import conflict, validation
from common.api.paging import Page, paginate
from common.api.runtime import Runtime
from common.api.scope import require_expected
from common.database import Row, Transaction
from common.ids import new_id
from common.replicas import limits
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from msgspec.structs import replace
from pydantic import BaseModel, Field

from gateway.accounts.decisions import ACCOUNT, SEES_GRANTED_SITES, AddMember
from gateway.accounts.views import active_members, site_named
from gateway.audit.log import noted_with
from gateway.invitations.decisions import (
    INVITATION,
    AcceptInvitation,
    ChangeInvitation,
    Invite,
    ResendInvitation,
    RevokeInvitation,
)
from gateway.invitations.events import InvitedRole, MemberInvited
from gateway.invitations.jobs import SEND_INVITATION, purpose
from gateway.invitations.views import ROWS, invitation_row, invitations, is_invited, open_invitations
from gateway.mailed import MailedToken
from gateway.parts import Parts
from gateway.personal import Fields, email_index, normal_email
from gateway.users import sessions
from gateway.users.api import AsCookie, Body, Name, TokensOut, request_meta, signed_in, token_invalid
from gateway.users.decisions import USER, RegisterUser
from gateway.users.events import UserRegistered
from gateway.users.passwords import check_rules, hash_password
from gateway.users.views import find_by_email

router = APIRouter(prefix="/api/v1/account/invitations", tags=["account"])
accept_router = APIRouter(prefix="/api/v1/auth/invitations", tags=["auth"])

LIFETIME = "7 days"
MOST_SITES = 500
"""More than the largest plan's."""


class InvitationIn(Body):
    email: str = Field(max_length=254, json_schema_extra={"format": "email"})
    role: InvitedRole
    site_ids: list[UUID] = Field([], max_length=MOST_SITES, description="For editors and viewers.")


class InvitationChanges(Body):
    role: InvitedRole | None = None
    site_ids: list[UUID] | None = Field(None, max_length=MOST_SITES)


class InvitationOut(BaseModel):
    id: UUID
    account_id: UUID
    email: str
    role: InvitedRole
    site_ids: list[UUID]
    status: Literal["pending", "expired", "accepted", "revoked"]
    invited_by: UUID | None
    expires_at: datetime
    version: int
    created_at: datetime
    updated_at: datetime


class AcceptIn(Body):
    token: str = Field(max_length=200, description="From the e-mail.")
    password: str = Field(max_length=1000)
    first_name: Name = ""
    last_name: Name = ""
    cookie: AsCookie = False


class AcceptedOut(TokensOut):
    user_id: UUID
    account_id: UUID


@router.get("/", summary="Invitations", response_model=Success[Listed[InvitationOut]])
async def list_invitations(
    caller: Caller,
    runtime: Runtime,
    page: Page,
    request: Request,
    status: Annotated[Literal["pending", "expired", "accepted", "revoked"] | None, Query()] = None,
) -> Answer:
    query = ROWS
    if status is not None:
        expired = invitations.c.expires_at <= sa.func.now()
        state = "pending" if status == "expired" else status
        query = query.where(invitations.c.state == state)
        if state == "pending":
            query = query.where(expired if status == "expired" else ~expired)
    key = await runtime.secrets.data_key(caller.account_id)
    async with runtime.database.transaction(caller.account_id) as tx:
        columns = {"created_at": invitations.c.created_at, "expires_at": invitations.c.expires_at}
        found = await paginate(
            tx,
            query,
            page,
            request,
            ordering=columns,
            tie=invitations.c.id,
            show=lambda row: _shown(row, Fields(key, row["id"])),
        )
    return answer(found)


@router.post("/", status_code=201, summary="Invite somebody", response_model=Success[InvitationOut])
async def invite(body: InvitationIn, caller: Caller, runtime: Runtime, parts: Parts) -> Answer:
    """The mail is sent at once; its link works for 7 days. Who is invited already is invited by `resend/`. An account
    sends an address at most three an hour, however often it revokes them."""
    email = normal_email(body.email)
    _check_sites(body.role, body.site_ids)
    index = await email_index(runtime.secrets, email)
    invitation_id = caller.new_id("invitation")
    fields = Fields(await runtime.secrets.data_key(caller.account_id), invitation_id)
    cipher = fields.seal("email", email)

    async def work(tx: Transaction) -> Row:
        await tx.lock()  # nobody else is invited, or accepts, between what is read here and the invitation
        found = await find_by_email(tx, index)
        # Of a user of another account nothing is said: whoever reads that mailbox is told on accepting.
        if found is not None and found[0] == caller.account_id:
            raise conflict("ALREADY_MEMBER", "This e-mail belongs to a user of the account.")
        if await is_invited(tx, index, besides=invitation_id):
            raise conflict(
                "ALREADY_INVITED",
                "This e-mail is invited already. Have that invitation sent again, or revoke it.",
            )
        for site_id in body.site_ids:
            await site_named(tx, site_id)
        invited = MemberInvited(
            index, cipher, body.role, _ordered(body.site_ids), await _end(tx), caller.user_id
        )
        invite = Invite(invited, *await _users_and_limit(tx))
        if (await tx.handle(INVITATION, invitation_id, invite)).events:
            await parts.throttle.invite(caller.account_id, index)
            await tx.defer(SEND_INVITATION, invitation_id=invitation_id, sending=1)
        return await invitation_row(tx, invitation_id)

    row = await runtime.database.run(caller.account_id, work, caller.meta)
    return answer(_shown(row, fields), status=201)


@router.get("/{invitation_id}/", summary="An invitation", response_model=Success[InvitationOut])
async def get_invitation(invitation_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        row = await invitation_row(tx, invitation_id)
    return answer(_shown(row, Fields(await runtime.secrets.data_key(caller.account_id), invitation_id)))


@router.put(
    "/{invitation_id}/", summary="Change role and sites of an open one", response_model=Success[InvitationOut]
)
@router.patch(
    "/{invitation_id}/", summary="Change role or sites of an open one", response_model=Success[InvitationOut]
)
async def change_invitation(
    invitation_id: UUID, body: InvitationChanges, caller: Caller, runtime: Runtime
) -> Answer:

    async def work(tx: Transaction) -> Row:
        await require_expected(tx, _version_of(invitation_id), caller)
        await tx.lock()  # what a request leaves out stays as the last one made it
        row = await invitation_row(tx, invitation_id)
        role = body.role or row["role"]
        site_ids = row["site_ids"] if body.site_ids is None else body.site_ids
        if body.role == "admin" and body.site_ids is None:
            site_ids = []
        _check_sites(role, site_ids)
        for site_id in body.site_ids or ():
            await site_named(tx, site_id)
        await tx.handle(INVITATION, invitation_id, ChangeInvitation(role, _ordered(site_ids)))
        return await invitation_row(tx, invitation_id)

    row = await runtime.database.run(caller.account_id, work, caller.meta)
    return answer(_shown(row, Fields(await runtime.secrets.data_key(caller.account_id), invitation_id)))


@router.delete("/{invitation_id}/", status_code=204, summary="Revoke an invitation")
async def revoke_invitation(invitation_id: UUID, caller: Caller, runtime: Runtime) -> Response:
    async def work(tx: Transaction) -> None:
        await _unchanged(tx, caller, invitation_id)
        await tx.handle(INVITATION, invitation_id, RevokeInvitation())

    await runtime.database.run(caller.account_id, work, caller.meta)
    return Response(status_code=204)


@router.post(
    "/{invitation_id}/resend/",
    summary="Send it again, for another 7 days; the earlier link ends",
    response_model=Success[InvitationOut],
)
async def resend_invitation(invitation_id: UUID, caller: Caller, runtime: Runtime, parts: Parts) -> Answer:
    """At most three mails an hour, the first one counted."""

    async def work(tx: Transaction) -> Row:
        await _unchanged(tx, caller, invitation_id)
        await tx.lock()
        now: datetime = await tx.scalar("SELECT clock_timestamp()")
        command = ResendInvitation(await _end(tx), now, *await _users_and_limit(tx))
        handled = await tx.handle(INVITATION, invitation_id, command)
        row = await invitation_row(tx, invitation_id)
        if handled.events:
            await parts.throttle.invite(caller.account_id, row["email_index"])
            await tx.defer(SEND_INVITATION, invitation_id=invitation_id, sending=row["sending"])
        return row

    row = await runtime.database.run(caller.account_id, work, caller.meta)
    return answer(_shown(row, Fields(await runtime.secrets.data_key(caller.account_id), invitation_id)))


@accept_router.post(
    "/accept/",
    status_code=201,
    summary="Accept an invitation with the mailed token",
    response_model=Success[AcceptedOut],
)
async def accept(body: AcceptIn, runtime: Runtime, parts: Parts, request: Request) -> Answer:
    """Makes a user of the account, and signs it in."""
    token = MailedToken.parse(body.token)
    if token is None:
        raise token_invalid()
    async with runtime.database.transaction(token.account_id) as tx:
        row = await tx.first(ROWS.where(invitations.c.id == token.subject_id))
    # Only then the key: asking for one makes it, and anybody can name an account.
    if row is None:
        raise token_invalid()
    key = await runtime.secrets.data_key(token.account_id)
    sending = next((n for n in range(1, row["sending"] + 1) if token.proves(key, purpose(n))), None)
    if sending is None:
        raise token_invalid()
    email = Fields(key, token.subject_id).read("email", row["email_cipher"])
    check_rules(body.password, email)
    user_id = new_id()
    fields = Fields(key, user_id)
    user = UserRegistered(
        user_id,
        email_index=row["email_index"],
        email_cipher=fields.seal("email", email),
        password_cipher=fields.seal("password", await hash_password(body.password)),
        role=row["role"],
        first_name_cipher=fields.seal("first_name", body.first_name),
        last_name_cipher=fields.seal("last_name", body.last_name),
    )

    async def work(tx: Transaction) -> sessions.RefreshToken:
        await tx.lock()
        now: datetime = await tx.scalar("SELECT clock_timestamp()")
        await tx.handle(INVITATION, token.subject_id, AcceptInvitation(user_id, sending, now))
        invited = await invitation_row(tx, token.subject_id)
        member = AddMember(user_id, invited["role"], tuple(invited["site_ids"]))
        await tx.handle(ACCOUNT, token.account_id, member)
        registered = replace(user, role=invited["role"])
        await tx.handle(USER, user_id, RegisterUser(registered))
        await noted_with(tx, request, user_id)
        return await sessions.begin(tx, user_id, new_id())

    try:
        refresh = await runtime.database.run(token.account_id, work, request_meta(request, user_id))
    except psycopg.errors.UniqueViolation as error:
        raise conflict(
            "EMAIL_TAKEN", "A user with this e-mail exists already; a user belongs to one account."
        ) from error
    return signed_in(parts, refresh, body.cookie, status=201, user_id=user_id, account_id=token.account_id)


async def _unchanged(tx: Transaction, caller: CallerOf, invitation_id: UUID) -> None:
    """Raises 404, and 412 where it is not as the caller has read it."""
    await require_expected(tx, _version_of(invitation_id), caller)
    await invitation_row(tx, invitation_id)


async def _users_and_limit(tx: Transaction) -> tuple[int, int | None]:
    """How many users and open invitations there are, and may be. Under the account's lock."""
    used = await active_members(tx) + await open_invitations(tx)
    return used, await limits.limit(tx, "users")


def _version_of(invitation_id: UUID) -> "sa.Select[Any]":
    return sa.select(invitations.c.version).where(invitations.c.id == invitation_id)


async def _end(tx: Transaction) -> datetime:
    """By the database's clock, in UTC."""
    end: datetime = await tx.scalar(f"SELECT now() + interval '{LIFETIME}'")
    return end.astimezone(UTC)


def _check_sites(role: str, site_ids: list[UUID]) -> None:
    if site_ids and role not in SEES_GRANTED_SITES:
        raise validation("site_ids", f"the role {role} sees all sites; leave them out")


def _ordered(site_ids: list[UUID]) -> tuple[UUID, ...]:
    return tuple(sorted(set(site_ids)))


def _shown(row: Row, fields: Fields) -> InvitationOut:
    status = "expired" if row["state"] == "pending" and row["expired"] else row["state"]
    return InvitationOut(email=fields.read("email", row["email_cipher"]), status=status, **row)
