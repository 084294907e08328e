"""Who calls: an access token becomes the identity that services trust."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from common.api.errors import ApiError, unauthorized
from common.auth.identity import Identity
from common.auth.tokens import InvalidToken, TokenVerifier
from common.clock import DatabaseClock
from common.contracts.gateway import Module
from common.database import Database
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from gateway.accounts.decisions import SEES_GRANTED_SITES
from gateway.accounts.events import MODULES
from gateway.accounts.views import accounts, members, sites
from gateway.users import sessions

ACCESS_CACHE_SECONDS = 1.0
"""How long another gateway's change of a membership goes unseen here; our own changes forget the entry at once."""
MOST_CACHED = 10_000
_SAFE = ("GET", "HEAD", "OPTIONS")
_ALWAYS_WRITABLE = (
    "/api/v1/billing/",
    "/api/v1/auth/",
    "/api/v1/account/export/",
    "/api/v1/account/erase/",
    "/api/v1/admin/",
)
"""Open to an account that is suspended or whose trial has ended (PRODUCT §1), and to staff who act on one."""

_APPROVING = sa.func.array(
    sa.select(sites.c.id)
    .where(sites.c.id == sa.any_(members.c.site_ids), sites.c.editors_approve, ~sites.c.archived)
    .scalar_subquery(),
    type_=sa.ARRAY(PgUUID(as_uuid=True)),
).label("approving_site_ids")


@dataclass(frozen=True, slots=True)
class Access:
    """A member's standing in an account, as of `version` of the accounts stream."""

    role: str
    status: str
    trial_ends_at: datetime
    version: int
    site_ids: tuple[UUID, ...] | None = None
    """The granted sites of who does not see all of them."""
    approving_site_ids: tuple[UUID, ...] = ()
    """Those of the granted ones that let their editors approve."""
    modules: Mapping[Module, bool] = field(default_factory=dict)
    """Those that somebody has switched."""

    @property
    def modules_on(self) -> tuple[str, ...]:
        return tuple(module for module, enabled in {**MODULES, **self.modules}.items() if enabled)

    def plan_status(self, now: datetime) -> str:
        return "trial_ended" if self.status == "trial" and self.trial_ends_at <= now else self.status


class Holder(NamedTuple):
    """Whom an access token was given to."""

    account_id: UUID
    user_id: UUID
    session_id: UUID


class Callers:
    """Verifies access tokens and knows their holders' standing."""

    def __init__(self, verifier: TokenVerifier, database: Database, clock: DatabaseClock) -> None:
        self._verifier = verifier
        self._database = database
        self._clock = clock
        self._tokens: dict[str, tuple[float, Holder]] = {}
        self._access: dict[Holder, tuple[float, Access]] = {}
        self._changes = 0

    async def identify(self, authorization: str, request_id: str) -> Identity:
        """The identity of a Bearer token's holder; raises 401."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthorized("Sign in: send `Authorization: Bearer` with an access token.")
        holder = await self._holder(token.strip())
        access = await self._standing(holder)
        if access is None:
            raise unauthorized("This session has ended, or its user is no member of the account any more.")
        return Identity(
            account_id=holder.account_id,
            user_id=holder.user_id,
            session_id=holder.session_id,
            role=access.role,
            site_ids=access.site_ids,
            approving_site_ids=access.approving_site_ids,
            plan_status=access.plan_status(self._clock.now()),
            accounts_version=access.version,
            modules=access.modules_on,
            request_id=request_id,
        )

    def forget(self, account_id: UUID) -> None:
        """Something of the account has changed here: the next request reads it again."""
        # The number tells a read that is under way that what it will find is old.
        self._changes += 1
        for key in [key for key in self._access if key.account_id == account_id]:
            del self._access[key]

    async def _holder(self, token: str) -> Holder:
        now = monotonic()
        known = self._tokens.get(token)
        if known is not None and known[0] > now:
            return known[1]
        try:
            claims = await self._verifier.verify(token)
            holder = Holder(UUID(claims["account_id"]), UUID(claims["sub"]), UUID(claims["sid"]))
        except InvalidToken as error:
            raise unauthorized(str(error)) from error
        except (KeyError, ValueError, AttributeError, TypeError) as error:
            raise unauthorized("The token names no user, account and session.") from error
        if len(self._tokens) >= MOST_CACHED:
            self._tokens.clear()
        remaining = claims["exp"] - self._clock()
        self._tokens[token] = (now + max(0.0, min(remaining, 60.0)), holder)
        return holder

    async def _standing(self, holder: Holder) -> Access | None:
        account_id, user_id, session_id = holder
        known = self._access.get(holder)
        if known is not None and known[0] > monotonic():
            return known[1]
        changes = self._changes
        async with self._database.transaction(account_id) as tx:
            row = await tx.first(
                sa.select(
                    members.c.role,
                    members.c.site_ids,
                    _APPROVING,
                    accounts.c.status,
                    accounts.c.trial_ends_at,
                    accounts.c.version,
                    accounts.c.modules,
                ).where(
                    accounts.c.account_id == account_id,
                    members.c.account_id == account_id,
                    members.c.user_id == user_id,
                    members.c.active,
                    # An access token lives for an hour; who signs out does not wait for that.
                    sessions.alive(user_id, session_id),
                )
            )
        if row is None:
            return None
        granted = row["role"] in SEES_GRANTED_SITES
        of_sites = {
            "site_ids": tuple(row["site_ids"]) if granted else None,
            "approving_site_ids": tuple(row["approving_site_ids"]) if granted else (),
        }
        access = Access(**{**row, **of_sites})
        if changes == self._changes:
            if len(self._access) >= MOST_CACHED:
                self._access.clear()
            self._access[holder] = (monotonic() + ACCESS_CACHE_SECONDS, access)
        return access


def require_module(identity: Identity, path: str) -> None:
    """Raises 403 for a route of a module that the account has switched off (PRODUCT §8)."""
    module = path.removeprefix("/api/v1/").partition("/")[0]
    if module in MODULES and module not in identity.modules:
        raise ApiError(
            "MODULE_DISABLED",
            f"The module {module} is switched off; an owner or admin switches it on by PATCH account/modules/.",
            status=403,
            details={"module": module},
        )


def refuse_writes(identity: Identity, method: str, path: str) -> None:
    """Raises 402 or 403 for a change that the account's standing forbids (PRODUCT §1)."""
    if method in _SAFE or path.startswith(_ALWAYS_WRITABLE):
        return
    if identity.plan_status in ("trial_ended", "cancelled"):
        raise ApiError(
            "PLAN_REQUIRED", "The trial or the subscription has ended; choose a plan to go on.", status=402
        )
    if identity.plan_status == "suspended":
        raise ApiError("ACCOUNT_SUSPENDED", "This account is suspended; it may only read.", status=403)
