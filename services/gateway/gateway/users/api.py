"""Routes of sign-up, sign-in and the caller's own profile."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import psycopg
from common.api.answers import Success
from common.api.caller import Caller
from common.api.envelope import Answer, answer
from common.api.errors import ApiError, conflict, not_found, unauthorized
from common.api.runtime import Runtime, RuntimeOf
from common.database import Row, Transaction
from common.eventsourcing.event import Meta
from common.ids import new_id
from common.telemetry import traceparent
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.accounts.decisions import ACCOUNT, RegisterAccount
from gateway.parts import ACCESS_SECONDS, Parts, PartsOf
from gateway.personal import Fields, email_index, normal_email
from gateway.slugs import given_slug, slug_of
from gateway.users import sessions
from gateway.users.decisions import USER, ChangeProfile, RegisterUser
from gateway.users.events import UserRegistered
from gateway.users.passwords import check_rules, hash_password, verify_password
from gateway.users.views import find_by_email, user_row

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])

TRIAL = "14 days"
"""PRODUCT §1."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=150, pattern=r"^[^\x00]*$")]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RegisterIn(Body):
    email: str = Field(max_length=254)
    password: str = Field(max_length=1000)
    account_name: Annotated[Name, Field(min_length=1)]
    account_slug: str | None = None
    first_name: Name = ""
    last_name: Name = ""


class LoginIn(Body):
    email: str = Field(max_length=254)
    password: str = Field(max_length=1000)


class RefreshIn(Body):
    refresh: str = Field(max_length=500)


class ProfileIn(Body):
    first_name: Name | None = None
    last_name: Name | None = None


class TokensOut(BaseModel):
    access: str
    refresh: str
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

    async def work(tx: Transaction, slug: str) -> dict[str, Any]:
        ends_at = await tx.scalar(f"SELECT now() + interval '{TRIAL}'")
        name = of_account.seal("name", body.account_name)
        trial = ends_at.astimezone(UTC).isoformat()
        await tx.handle(ACCOUNT, account_id, RegisterAccount(account_id, slug, name, user_id, trial))
        await tx.handle(USER, user_id, RegisterUser(user))
        refresh = await sessions.begin(tx, user_id, new_id())
        return {"account_slug": slug, "trial_ends_at": ends_at, **_tokens(parts, refresh)}

    # A slug made from the name is only a proposal: where it is taken, the account's id makes it unique.
    proposals = (
        [slug]
        if slug
        else [slug_of(body.account_name), f"{slug_of(body.account_name)}-{account_id.hex[-8:]}"]
    )
    meta = _meta(request, user_id)
    for proposal in proposals:
        try:
            made = await runtime.database.run(account_id, lambda tx, s=proposal: work(tx, s), meta)  # type: ignore[misc]
        except psycopg.errors.UniqueViolation as error:
            if error.diag.constraint_name == "users_email_index_key":
                raise _email_taken() from error
            if proposal == proposals[-1]:
                raise conflict("SLUG_TAKEN", f"The slug {proposal!r} is taken; choose another.") from error
        else:
            return answer({"user_id": user_id, "account_id": account_id, **made}, status=201)
    raise AssertionError("unreachable")


@router.post("/login/", summary="Sign in", response_model=Success[TokensOut])
async def login(body: LoginIn, runtime: Runtime, parts: Parts, request: Request) -> Answer:
    email = normal_email(body.email)
    index = await email_index(runtime.secrets, email)
    await parts.throttle.attempt(request.client.host if request.client else "", index)
    async with runtime.database.transaction(None) as tx:
        found = await find_by_email(tx, index)
    user = await _user(runtime, *found) if found else None
    hashed = (await _fields(runtime, user)).read("password", user["password_cipher"]) if user else None
    if not await verify_password(body.password, hashed) or user is None or not user["is_active"]:
        await parts.throttle.failed(index)
        raise ApiError("INVALID_CREDENTIALS", "E-mail or password is wrong.", status=401)

    async def work(tx: Transaction) -> sessions.RefreshToken:
        return await sessions.begin(tx, user["user_id"], session_id)

    session_id = new_id()
    refresh = await runtime.database.run(user["account_id"], work, _meta(request, user["user_id"]))
    return answer(_tokens(parts, refresh))


@router.post("/refresh/", summary="Get the next pair of tokens", response_model=Success[TokensOut])
async def refresh(body: RefreshIn, runtime: Runtime, parts: Parts, request: Request) -> Answer:
    token = _parse(body.refresh)

    async def work(tx: Transaction) -> sessions.RefreshToken | None:
        # The account's lock comes first everywhere: a revocation appends, and a deadlock must not hide it.
        await tx.load(USER, token.user_id)
        return (await sessions.rotate(tx, token))[1]

    following = await runtime.database.run(token.account_id, work, _meta(request, token.user_id))
    if following is None:
        raise unauthorized("This refresh token is used, ended or revoked. Sign in again.")
    return answer(_tokens(parts, following))


@router.post("/logout/", summary="End the session of a refresh token", response_model=Success[None])
async def logout(body: RefreshIn, runtime: Runtime, request: Request) -> Answer:
    token = _parse(body.refresh)

    async def work(tx: Transaction) -> None:
        await tx.load(USER, token.user_id)
        await sessions.end(tx, token)

    await runtime.database.run(token.account_id, work, _meta(request, token.user_id))
    return answer(None, message="Signed out.")


@router.get("/me/", summary="Who am I", response_model=Success[UserOut])
async def me(caller: Caller, runtime: Runtime) -> Answer:
    return answer(await _profile(runtime, caller.account_id, _person(caller.user_id)))


@router.patch("/me/", summary="Change my names", response_model=Success[UserOut])
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
        await tx.handle(USER, user_id, command)

    await runtime.database.run(caller.account_id, work, caller.meta)
    return answer(await _profile(runtime, caller.account_id, user_id))


async def _profile(runtime: RuntimeOf, account_id: UUID, user_id: UUID) -> UserOut:
    user = await _user(runtime, account_id, user_id)
    if user is None:
        raise not_found("User", user_id)
    fields = await _fields(runtime, user)
    return UserOut(
        id=user["user_id"],
        email=fields.read("email", user["email_cipher"]),
        first_name=fields.read("first_name", user["first_name_cipher"]),
        last_name=fields.read("last_name", user["last_name_cipher"]),
        **{name: user[name] for name in ("account_id", "role", "is_active", "last_login", "created_at")},
    )


async def _user(runtime: RuntimeOf, account_id: UUID, user_id: UUID) -> Row | None:
    async with runtime.database.transaction(account_id) as tx:
        return await user_row(tx, user_id)


async def _fields(runtime: RuntimeOf, user: Row) -> Fields:
    return Fields(await runtime.secrets.data_key(user["account_id"]), user["user_id"])


def _tokens(parts: PartsOf, refresh: sessions.RefreshToken) -> dict[str, Any]:
    claims = {
        "sub": str(refresh.user_id),
        "account_id": str(refresh.account_id),
        "sid": str(refresh.session_id),
    }
    access = parts.access.sign(claims, seconds=ACCESS_SECONDS)
    return TokensOut(access=access, refresh=str(refresh), expires_in=ACCESS_SECONDS).model_dump()


def _parse(text: str) -> sessions.RefreshToken:
    token = sessions.RefreshToken.parse(text)
    if token is None:
        raise unauthorized("This is no refresh token.")
    return token


def _person(user_id: UUID | None) -> UUID:
    if user_id is None:
        raise ApiError("FORBIDDEN", "An API key has no profile; sign in as a user.", status=403)
    return user_id


def _email_taken() -> ApiError:
    return conflict(
        "EMAIL_TAKEN", "An account with this e-mail exists already. Sign in, or reset the password."
    )


def _meta(request: Request, user_id: UUID) -> Meta:
    request_id = request.headers.get("x-request-id")
    return Meta(actor=f"user:{user_id}", request_id=request_id, traceparent=traceparent())
