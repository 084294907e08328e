"""The identity token: what the gateway vouches for when it hands a request to a service, and all that services trust."""

import time
from uuid import UUID

import msgspec

from common.auth.tokens import Clock, InvalidToken, Signing, TokenSigner, TokenVerifier
from common.ids import SYSTEM_ACCOUNT

HEADER = "X-Igny8-Identity"
ISSUER = "igny8-gateway"
AUDIENCE = "igny8-services"
IDENTITY = "igny8.identity"
"""In a request's scope: the identity that the gateway hands to its own routes. What is in a scope comes from this process, so
there is nothing to be proved by a signature."""
LIFETIME_SECONDS = 60
"""Long enough for an upload to reach its service, too short to be worth stealing."""
REUSED_SECONDS = 5
"""How long a token goes along with every request of the same caller: most of its life is left to the last of them."""
MOST_REUSED = 10_000
"""Tokens kept for that, of some 800 bytes each."""


class Identity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who calls, for which account, and how much of the accounts stream they may rely on.

    `site_ids` None means all sites of the account; of the granted ones, `approving_site_ids` let their editors approve.
    `act_as` is the caller's own account when staff act on another. `route` is set on tokens of public routes, which
    stand for nobody. A token that goes along with several requests has no `request_id`: their header says it.
    """

    account_id: UUID
    user_id: UUID | None = None
    session_id: UUID | None = None
    api_key_id: UUID | None = None
    role: str
    scopes: tuple[str, ...] = ()
    site_ids: tuple[UUID, ...] | None = None
    approving_site_ids: tuple[UUID, ...] = ()
    act_as: UUID | None = None
    plan_status: str = "trial"
    accounts_version: int = 0
    modules: tuple[str, ...] = ()
    request_id: str = ""
    route: str | None = None


class InvalidIdentity(Exception):
    """The identity token is missing something, forged, expired or not for services."""


def anonymous(route: str, request_id: str) -> Identity:
    """The identity of a public route's caller."""
    return Identity(account_id=SYSTEM_ACCOUNT, role="anonymous", request_id=request_id, route=route)


class IdentitySigner:
    """The gateway's side."""

    def __init__(self, key: Signing, *, clock: Clock = time.time) -> None:
        self._tokens = TokenSigner(key, issuer=ISSUER, audience=AUDIENCE, clock=clock)
        self._clock = clock
        self._reused: dict[Identity, tuple[float, object, str]] = {}

    def token_of(self, identity: Identity) -> str:
        """The header's value for one of a caller's requests; the same one for all that come within a moment.

        It holds nothing of the request, and whoever's standing has changed is another identity. A rotated key signs at once.
        """
        caller = msgspec.structs.replace(identity, request_id="")
        now, key = self._clock(), self._tokens.key
        known = self._reused.get(caller)
        if known is not None and known[0] <= now < known[0] + REUSED_SECONDS and known[1] is key:
            return known[2]
        if len(self._reused) >= MOST_REUSED:
            self._reused.clear()
        token = self.sign(caller)
        self._reused[caller] = (now, key, token)
        return token

    def sign(self, identity: Identity, *, seconds: int = LIFETIME_SECONDS) -> str:
        """The header's value; it ends after at most a minute."""
        return self._tokens.sign(msgspec.to_builtins(identity), seconds=min(seconds, LIFETIME_SECONDS))


class IdentityVerifier:
    """The services' side. `jwks` is the file or URL of the gateway's public keys."""

    def __init__(self, jwks: str, *, clock: Clock = time.time) -> None:
        self._tokens = TokenVerifier(jwks, issuer=ISSUER, audience=AUDIENCE, clock=clock)

    async def verify(self, token: str) -> Identity:
        """Raises `InvalidIdentity`."""
        try:
            claims = await self._tokens.verify(token)
            if claims["exp"] - claims["iat"] > LIFETIME_SECONDS:
                raise InvalidIdentity("The identity token lives longer than any that the gateway signs.")
            return msgspec.convert(claims, Identity)
        except (InvalidToken, msgspec.ValidationError) as error:
            raise InvalidIdentity(str(error)) from error
