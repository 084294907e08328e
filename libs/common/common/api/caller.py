"""Who is asking: the verified identity token of the gateway, and what routes need to know of it."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import msgspec
import structlog
from fastapi import Depends, Request
from starlette.types import Scope

from common.api.conditional import expected_versions
from common.api.errors import forbidden, unauthorized
from common.api.runtime import RuntimeOf
from common.auth.identity import HEADER, IDENTITY, Identity, IdentityVerifier, InvalidIdentity
from common.auth.permissions import Permission, key_may, may
from common.eventsourcing.event import Meta
from common.ids import new_id, stable_id
from common.telemetry import traceparent

_HEADER = HEADER.lower().encode()
_REQUEST_ID = b"x-request-id"
REPEATABLE = "igny8.repeatable"
"""Under it a request's scope says by what its repetition is known: its Idempotency-Key and when that was first used."""


@dataclass(frozen=True, slots=True)
class CallerOf:
    """The caller of one request."""

    identity: Identity
    repeatable: str | None
    """The same for a request and its repetitions (`REPEATABLE`); None where they cannot be told from others."""
    path: str
    expected_versions: frozenset[int] | None = None
    """Of the resource that is to be changed, by `If-Match`; None: any. Compared by `common.api.scope`."""
    permission: Permission = "read"
    """What the route asks for. Where a role has it on some sites only, `common.api.scope` looks at the site of each row."""

    @property
    def account_id(self) -> UUID:
        return self.identity.account_id

    @property
    def user_id(self) -> UUID | None:
        return self.identity.user_id

    @property
    def role(self) -> str:
        return self.identity.role

    @property
    def request_id(self) -> str:
        return self.identity.request_id

    @property
    def site_ids(self) -> frozenset[UUID] | None:
        """The sites this caller may see; None is all of the account's."""
        return None if self.identity.site_ids is None else frozenset(self.identity.site_ids)

    @property
    def meta(self) -> Meta:
        """What the facts of this request say about their cause."""
        actor = f"user:{self.user_id}" if self.user_id else f"api_key:{self.identity.api_key_id}"
        return Meta(
            actor=actor,
            on_behalf_of=self.account_id if self.identity.act_as else None,
            request_id=self.request_id,
            traceparent=traceparent(),
        )

    def new_id(self, name: str) -> UUID:
        """An id for what this request makes: the same one when the request is repeated under its Idempotency-Key."""
        if self.repeatable is None:
            return new_id()
        return stable_id(self.account_id, self.path, self.repeatable, name)

    def may_see(self, site_id: UUID) -> bool:
        sites = self.site_ids
        return sites is None or site_id in sites

    def require(self, permission: Permission, site_id: UUID | None = None) -> None:
        """Raises 403 where role or key lack it on the site, or, without a site, everywhere.

        Routes ask only for what follows from a request's content: what a route asks for in any case stands in the table
        of common/auth/permissions.py, and was looked at before it began.
        """
        identity = self.identity
        approving = identity.approving_site_ids
        if identity.api_key_id is not None:
            if not key_may(identity.scopes, permission):
                raise forbidden(
                    f"The API key's scopes ({', '.join(identity.scopes)}) lack `{permission}`; use another key."
                )
        elif not may(identity.role, permission, editors_approve=bool(approving)):
            raise forbidden(
                f"The role {identity.role} lacks `{permission}`; ask an owner or admin of the account."
            )
        elif site_id not in (None, *approving) and not may(identity.role, permission):
            raise forbidden(
                f"Site {site_id} does not let its editors do that (`{permission}`); ask an owner or admin."
            )


async def identity_of(scope: Scope, verifier: IdentityVerifier) -> Identity | None:
    """Whom a request comes from; None where it does not say so. Raises `InvalidIdentity`."""
    handed: Identity | None = scope.get(IDENTITY)
    if handed is not None:
        return handed
    headers = dict(scope["headers"])
    token = headers.get(_HEADER, b"")
    if not token:
        return None
    identity = await verifier.verify(token.decode("latin-1"))
    if identity.request_id:
        return identity
    return msgspec.structs.replace(identity, request_id=headers.get(_REQUEST_ID, b"").decode("latin-1"))


async def _caller(request: Request) -> CallerOf:
    runtime: RuntimeOf = request.app.state.runtime
    try:
        identity = await identity_of(request.scope, runtime.verifier)
    except InvalidIdentity as error:
        raise unauthorized(str(error)) from error
    if identity is None:
        raise unauthorized("No identity token. Requests reach this service through the gateway.")
    if identity.route is not None:
        raise unauthorized("This token names a public route and stands for nobody.")
    structlog.contextvars.bind_contextvars(account_id=str(identity.account_id), user_id=str(identity.user_id))
    asked = runtime.routes.asked(request.method, request.url.path)
    if asked is None:
        raise forbidden("Nobody may do this: the route has no row in the table of permissions.")
    caller = CallerOf(
        identity,
        request.scope.get(REPEATABLE),
        request.url.path,
        expected_versions(request.method, request.headers.get("if-match")),
        asked.permission,
    )
    caller.require(asked.permission)
    if runtime.replicas is not None:
        await runtime.replicas.wait_for(identity.account_id, identity.accounts_version)
    return caller


Caller = Annotated[CallerOf, Depends(_caller)]
