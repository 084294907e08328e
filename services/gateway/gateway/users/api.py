"""Routes of sign-up, sign-in and the caller's own profile."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import psycopg
from common.api.answers import Success
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, answer
from common.api.errors import ApiError, conflict, not_found, unauthorized, validation
from common.api.runtime import Runtime, RuntimeOf
from common.api.scope import require_site
from common.database import Row, Transaction
from common.eventsourcing.event import Meta
from common.ids import SYSTEM_ACCOUNT, new_id
from common.telemetry import traceparent
from fastapi import APIRouter, Request
from fastapi import Body as BodyOf
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.accounts.decisions import ACCOUNT, RegisterAccount
from gateway.accounts.views import place_there, sector_named, site_named, site_of
from gateway.audit.log import noted, noted_with
from gateway.mailed import MailedToken
from gateway.parts import ACCESS_SECONDS, Parts, PartsOf
from gateway.personal import Fields, email_index, normal_email
from gateway.slugs import given_slug, slug_of
from gateway.users import resets, sessions
from gateway.users.cookies import clear_refresh, read_refresh, set_refresh
from gateway.users.decisions import (
    USER,
    ChangePassword,
    ChangeProfile,
    ChoosePlace,
    RegisterUser,
    SignOutEverywhere,
)
from gateway.users.events import UserRegistered
from gateway.users.jobs import SEND_RESET
from gateway.users.passwords import check_rules, hash_password, verify_password
from gateway.users.views import find_by_email, user_row

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])

TRIAL = "14 days"
"""PRODUCT §1."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=150, pattern=r"^[^\x00]*$")]

AsCookie = Annotated[
    bool, Field(description="The refresh token comes as an HttpOnly cookie and not in the body.")
]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RegisterIn(Body):
    email: str = Field(max_length=254)
    password: str = Field(max_length=1000)
    account_name: Annotated[Name, Field(min_length=1)]
    account_slug: str | None = None
    first_name: Name = ""
    last_name: Name = ""
    cookie: AsCookie = False


class LoginIn(Body):
    email: str = Field(max_length=254)
    password: str = Field(max_length=1000)
    cookie: AsCookie = False


class RefreshIn(Body):
    refresh: str | None = Field(None, max_length=500, description="Left out where it is in the cookie.")


class PasswordIn(Body):
    current_password: str = Field(max_length=1000)
    new_password: str = Field(max_length=1000)


class ResetIn(Body):
    email: str = Field(max_length=254)


class ResetConfirmIn(Body):
    token: str = Field(max_length=200, description="From the e-mail.")
    password: str = Field(max_length=1000)


class ProfileIn(Body):
    first_name: Name | None = None
    last_name: Name | None = None
    active_site: UUID | None = Field(None, description="The site one works on now; null for none.")
    active_sector: UUID | None = Field(None, description="One of the active site's sectors; null for none.")


class TokensOut(BaseModel):
    access: str
    refresh: str | None = Field(description="null where it is in the cookie.")
    token_type: str = "Bearer"  # noqa: S105  a scheme, no secret
    expires_in: int = Field(ACCESS_SECONDS, description="Seconds until the access token ends.")


class UserOut(BaseModel):
    id: UUID
    account_id: UUID
    email: str
    first_name: str
    last_name: str
    role: str
    is_active: bool
    active_site: UUID | None
    active_sector: UUID | None
    last_login: datetime | None
    created_at: datetime


class RegisteredOut(TokensOut):
    user_id: UUID
    account_id: UUID
    account_slug: str
    trial_ends_at: datetime


@router.post("/register/", status_code=201, summary="Open an account", response_model=Success[RegisteredOut])
async def register(body: RegisterIn, runtime: Runtime, parts: Parts, request: Request) -> Answer:
    email = normal_email(body.email)
    check_rules(body.password, email)
    slug = given_slug(body.account_slug) if body.account_slug else None
    account_id, user_id = new_id(), new_id()
    # Looked up first, so that a taken e-mail leaves no data key behind; the unique index decides the race.
    index = await email_index(runtime.secrets, email)
    async with runtime.database.transaction(None) as tx:
        if await find_by_email(tx, index):
            raise _email_taken()
    key = await runtime.secrets.data_key(account_id)
    of_user, of_account = Fields(key, user_id), Fields(key, account_id)
    user = UserRegistered(
        user_id,
        email_index=index,
        email_cipher=of_user.seal("email", email),
        password_cipher=of_user.seal("password", await hash_password(body.password)),
        role="owner",
        first_name_cipher=of_user.seal("first_name", body.first_name),
        last_name_cipher=of_user.seal("last_name", body.last_name),
    )

    async def work(tx: Transaction, slug: str) -> tuple[sessions.RefreshToken, dict[str, Any]]:
        ends_at = await tx.scalar(f"SELECT now() + interval '{TRIAL}'")
        name = of_account.seal("name", body.account_name)
        trial = ends_at.astimezone(UTC).isoformat()
        await tx.handle(ACCOUNT, account_id, RegisterAccount(account_id, slug, name, user_id, trial))
        await tx.handle(USER, user_id, RegisterUser(user))
        refresh = await sessions.begin(tx, user_id, new_id())
        await noted_with(tx, request, user_id)
        return refresh, {"account_slug": slug, "trial_ends_at": ends_at}

    # A slug made from the name is only a proposal: where it is taken, the account's id makes it unique.
    proposals = (
        [slug]
        if slug
        else [slug_of(body.account_name), f"{slug_of(body.account_name)}-{account_id.hex[-8:]}"]
    )
    meta = request_meta(request, user_id)
    for proposal in proposals:
        try:
            refresh, made = await runtime.database.run(
                account_id,
                lambda tx, s=proposal: work(tx, s),  # type: ignore[misc]  # a default argument binds it now
                meta,
            )
        except psycopg.errors.UniqueViolation as error:
            if error.diag.constraint_name == "users_email_index_key":
                raise _email_taken() from error
            if proposal == proposals[-1]:
                raise conflict("SLUG_TAKEN", f"The slug {proposal!r} is taken; choose another.") from error
        else:
            made |= {"user_id": user_id, "account_id": account_id}
            return signed_in(parts, refresh, body.cookie, status=201, **made)
    raise AssertionError("unreachable")


@router.post("/login/", summary="Sign in", response_model=Success[TokensOut])
async def login(body: LoginIn, runtime: Runtime, parts: Parts, request: Request) -> Answer:
    email = normal_email(body.email)
    index = await email_index(runtime.secrets, email)
    await parts.throttle.attempt(_address(request), index)
    async with parts.signing_in:
        await parts.throttle.require_open(index)
        refresh = await _sign_in(runtime, parts, index, body.password, request)
    return signed_in(parts, refresh, body.cookie)


@router.post("/refresh/", summary="Get the next pair of tokens", response_model=Success[TokensOut])
async def refresh(
    runtime: Runtime, parts: Parts, request: Request, body: Annotated[RefreshIn | None, BodyOf()] = None
) -> Answer:
    token, cookie = _presented(body, runtime, request)

    async def work(tx: Transaction) -> sessions.RefreshToken | None:
        # The account's lock comes first everywhere: a revocation appends, and a deadlock must not hide it.
        await tx.load(USER, token.user_id)
        found, following = await sessions.rotate(tx, token)
        if found != "ended":  # anybody can write a token that names an account
            await noted_with(tx, request, token.user_id)
        return following

    following = await runtime.database.run(token.account_id, work, request_meta(request, token.user_id))
    if following is None:
        raise unauthorized("This refresh token is used, ended or revoked. Sign in again.")
    return signed_in(parts, following, cookie)


@router.post("/logout/", summary="End the session of a refresh token", response_model=Success[None])
async def logout(
    runtime: Runtime, request: Request, body: Annotated[RefreshIn | None, BodyOf()] = None
) -> Answer:
    token, _ = _presented(body, runtime, request)

    async def work(tx: Transaction) -> None:
        await tx.load(USER, token.user_id)
        if await sessions.end(tx, token):
            await noted_with(tx, request, token.user_id)

    await runtime.database.run(token.account_id, work, request_meta(request, token.user_id))
    return signed_out("Signed out.")


@router.post("/logout-all/", summary="End all my sessions, on every device", response_model=Success[None])
async def logout_all(caller: Caller, runtime: Runtime) -> Answer:
    user_id = _person(caller.user_id)

    async def work(tx: Transaction) -> None:
        await tx.handle(USER, user_id, SignOutEverywhere())
        await sessions.end_all(tx, user_id)

    await runtime.database.run(caller.account_id, work, caller.meta)
    return signed_out("Signed out everywhere.")


@router.post(
    "/change-password/",
    summary="Change my password; all other sessions end",
    response_model=Success[None],
)
async def change_password(
    body: PasswordIn, caller: Caller, runtime: Runtime, parts: Parts, request: Request
) -> Answer:
    user_id = _person(caller.user_id)
    user = await require_password(caller, body.current_password, "current_password", runtime, parts, request)
    fields = await _fields(runtime, user)
    check_rules(body.new_password, fields.read("email", user["email_cipher"]), field="new_password")
    cipher = fields.seal("password", await hash_password(body.new_password))
    session_id = caller.identity.session_id

    async def work(tx: Transaction) -> None:
        await tx.handle(USER, user_id, ChangePassword(cipher, keep=session_id))
        await sessions.end_all(tx, user_id, keep=session_id)

    await runtime.database.run(caller.account_id, work, caller.meta)
    return answer(None, message="Password changed; other sessions have ended.")


@router.post("/password-reset/", summary="Have a link to a new password mailed", response_model=Success[None])
async def ask_password_reset(body: ResetIn, runtime: Runtime, parts: Parts, request: Request) -> Answer:
    """The same answer, after the same work, whether the e-mail is registered or not."""
    index = await email_index(runtime.secrets, normal_email(body.email))
    await parts.throttle.ask_reset(_address(request), index)

    async def work(tx: Transaction) -> None:
        await tx.defer(SEND_RESET, reset_id=new_id(), email_index=index)

    meta = Meta(request_id=request.headers.get("x-request-id"), traceparent=traceparent())
    await runtime.database.run(SYSTEM_ACCOUNT, work, meta)
    return answer(None, message="If this e-mail is registered, a link is on its way to it.")


@router.post(
    "/password-reset/confirm/",
    summary="Choose a new password with the mailed token; all sessions end",
    response_model=Success[None],
)
async def confirm_password_reset(
    body: ResetConfirmIn, runtime: Runtime, parts: Parts, request: Request
) -> Answer:
    token = MailedToken.parse(body.token)
    if token is None:
        raise token_invalid()
    async with runtime.database.transaction(token.account_id) as tx:
        found = await resets.reset_row(tx, token.subject_id)
    # Only then the key: asking for one makes it, and anybody can name an account.
    if found is None:
        raise token_invalid()
    user = await _user(runtime, token.account_id, found["user_id"])
    key = await runtime.secrets.data_key(token.account_id)
    if user is None or not user["is_active"] or not token.proves(key, resets.PURPOSE):
        raise token_invalid()
    user_id: UUID = user["user_id"]
    fields = Fields(key, user_id)
    check_rules(body.password, fields.read("email", user["email_cipher"]))
    cipher = fields.seal("password", await hash_password(body.password))

    async def work(tx: Transaction) -> bool:
        used = await resets.use_reset(tx, token.subject_id, user_id, cipher)
        if used:
            await noted_with(tx, request, user_id)
        return used

    if not await runtime.database.run(token.account_id, work, request_meta(request, user_id)):
        raise token_invalid()
    await parts.throttle.forgive(user["email_index"])
    return answer(None, message="The new password is set. Sign in with it.")


@router.get("/me/", summary="Who am I", response_model=Success[UserOut])
async def me(caller: Caller, runtime: Runtime) -> Answer:
    return answer(await _profile(runtime, caller))


@router.patch("/me/", summary="Change my names, and where I work", response_model=Success[UserOut])
async def change_me(body: ProfileIn, caller: Caller, runtime: Runtime) -> Answer:
    user_id = _person(caller.user_id)
    fields = Fields(await runtime.secrets.data_key(caller.account_id), user_id)
    user = await _user(runtime, caller.account_id, user_id)
    if user is None:
        raise not_found("User", user_id)

    def sealed(name: str, value: str | None) -> str | None:
        # The same name encrypts to another text each time: only a changed name is a change.
        same = value is None or fields.read(name, user[f"{name}_cipher"]) == value
        return None if same or value is None else fields.seal(name, value)

    command = ChangeProfile(sealed("first_name", body.first_name), sealed("last_name", body.last_name))

    async def work(tx: Transaction) -> None:
        await tx.lock()  # a sector that is chosen alone is one of the site chosen last
        now = await user_row(tx, user_id)
        if now is None:
            raise not_found("User", user_id)
        place = await _chosen_place(tx, body, now, caller)
        if place is not None:
            await tx.handle(USER, user_id, place)
        await tx.handle(USER, user_id, command)

    await runtime.database.run(caller.account_id, work, caller.meta)
    return answer(await _profile(runtime, caller))


async def _chosen_place(tx: Transaction, body: ProfileIn, user: Row, caller: CallerOf) -> ChoosePlace | None:
    """None where the request does not speak of it. Another site has other sectors, and a sector names its site. Raises
    404 for what the caller does not see."""
    given = body.model_fields_set & {"active_site", "active_sector"}
    if not given:
        return None
    site_id = body.active_site if "active_site" in given else user["active_site"]
    kept = user["active_sector"] if site_id == user["active_site"] else None
    sector_id = body.active_sector if "active_sector" in given else kept
    if site_id is None and sector_id is not None:
        site_id = await site_of(tx, sector_id)
    if site_id is not None:
        require_site(site_id, caller)
        await site_named(tx, site_id)
        if sector_id is not None:
            await sector_named(tx, site_id, sector_id)
    return ChoosePlace(site_id, sector_id)


async def require_password(
    caller: CallerOf, password: str, field: str, runtime: RuntimeOf, parts: PartsOf, request: Request
) -> Row:
    """The caller's row; raises 400 for the field where the password is not the caller's, 403 for an API key."""
    user_id = _person(caller.user_id)
    user = await _user(runtime, caller.account_id, user_id)
    if user is None:
        raise not_found("User", user_id)
    fields = await _fields(runtime, user)
    # Who found an unlocked screen must not guess the password here either.
    await parts.throttle.attempt(_address(request), user["email_index"])
    async with parts.signing_in:
        await parts.throttle.require_open(user["email_index"])
        if not await verify_password(password, fields.read("password", user["password_cipher"])):
            await parts.throttle.failed(user["email_index"])
            raise validation(field, "is wrong")
    return user


async def _profile(runtime: RuntimeOf, caller: CallerOf) -> UserOut:
    """A site that was archived or taken from the user since is none any more."""
    user_id = _person(caller.user_id)
    async with runtime.database.transaction(caller.account_id) as tx:
        user = await user_row(tx, user_id)
        if user is None:
            raise not_found("User", user_id)
        active_site, active_sector = user["active_site"], user["active_sector"]
        if active_site is not None and not caller.may_see(active_site):
            active_site = None
        if active_site is not None:
            active_site, active_sector = await place_there(tx, active_site, active_sector)
    fields = await _fields(runtime, user)
    return UserOut(
        id=user["user_id"],
        email=fields.read("email", user["email_cipher"]),
        first_name=fields.read("first_name", user["first_name_cipher"]),
        last_name=fields.read("last_name", user["last_name_cipher"]),
        active_site=active_site,
        active_sector=active_sector if active_site else None,
        **{name: user[name] for name in ("account_id", "role", "is_active", "last_login", "created_at")},
    )


async def _user(runtime: RuntimeOf, account_id: UUID, user_id: UUID) -> Row | None:
    async with runtime.database.transaction(account_id) as tx:
        return await user_row(tx, user_id)


async def _fields(runtime: RuntimeOf, user: Row) -> Fields:
    return Fields(await runtime.secrets.data_key(user["account_id"]), user["user_id"])


async def _sign_in(
    runtime: RuntimeOf, parts: PartsOf, index: str, password: str, request: Request
) -> sessions.RefreshToken:
    """Raises 401, after the same work, for a wrong password and an unknown e-mail."""
    async with runtime.database.transaction(None) as tx:
        found = await find_by_email(tx, index)
    user = await _user(runtime, *found) if found else None
    hashed = (await _fields(runtime, user)).read("password", user["password_cipher"]) if user else None
    # Noted while the password is hashed: an answer must not take longer where somebody is registered.
    verified, _ = await asyncio.gather(
        verify_password(password, hashed),
        noted(request, user["account_id"], user["user_id"]) if user else asyncio.sleep(0),
    )
    if verified and user is not None and user["is_active"]:
        user_id, cipher, session_id = user["user_id"], user["password_cipher"], new_id()

        async def work(tx: Transaction) -> sessions.RefreshToken | None:
            await tx.lock()
            now = await user_row(tx, user_id)
            # A new password ends all sessions: one that the old password opens meanwhile must not be left.
            if now is None or not now["is_active"] or now["password_cipher"] != cipher:
                return None
            return await sessions.begin(tx, user_id, session_id)

        meta = request_meta(request, user_id)
        if (begun := await runtime.database.run(user["account_id"], work, meta)) is not None:
            return begun
    await parts.throttle.failed(index)
    raise ApiError("INVALID_CREDENTIALS", "E-mail or password is wrong.", status=401)


def signed_in(
    parts: PartsOf, refresh: sessions.RefreshToken, cookie: bool, *, status: int = 200, **more: Any
) -> Answer:
    """Both tokens, the refresh token as `cookie` where that was asked for."""
    claims = {
        "sub": str(refresh.user_id),
        "account_id": str(refresh.account_id),
        "sid": str(refresh.session_id),
    }
    access = parts.access.sign(claims, seconds=ACCESS_SECONDS)
    tokens = TokensOut(access=access, refresh=None if cookie else str(refresh), expires_in=ACCESS_SECONDS)
    response = answer({**more, **tokens.model_dump()}, status=status)
    if cookie:
        set_refresh(response, str(refresh))
    return response


def signed_out(message: str) -> Answer:
    response = answer(None, message=message)
    clear_refresh(response)
    return response


def _presented(
    body: RefreshIn | None, runtime: RuntimeOf, request: Request
) -> tuple[sessions.RefreshToken, bool]:
    """The refresh token of the body or the cookie, and whether it is the cookie's; raises 401 or 403."""
    given = body.refresh if body else None
    text = given or read_refresh(request, runtime.settings.console_url)
    token = sessions.RefreshToken.parse(text) if text else None
    if token is None:
        raise unauthorized("This is no refresh token.")
    return token, given is None


def token_invalid() -> ApiError:
    """What is unknown, forged, used or ended must not be told apart."""
    return ApiError(
        "TOKEN_INVALID", "This link is not valid, has been used or has ended. Ask for a new one.", status=400
    )


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _person(user_id: UUID | None) -> UUID:
    if user_id is None:
        raise ApiError("FORBIDDEN", "An API key has no profile; sign in as a user.", status=403)
    return user_id


def _email_taken() -> ApiError:
    return conflict(
        "EMAIL_TAKEN", "An account with this e-mail exists already. Sign in, or reset the password."
    )


def request_meta(request: Request, user_id: UUID) -> Meta:
    request_id = request.headers.get("x-request-id")
    return Meta(actor=f"user:{user_id}", request_id=request_id, traceparent=traceparent())
