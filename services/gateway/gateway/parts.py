"""What the gateway's routes need beside the kit: signing keys, access tokens, throttle, live updates."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated

from common.api.runtime import RuntimeOf
from common.auth.identity import IdentitySigner
from common.auth.signing_keys import JWKS_FILE, WatchedKeys
from common.auth.tokens import TokenSigner, TokenVerifier
from common.mail import Mailer, open_mailer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Depends, Request

from gateway.activity.live import LiveUpdates
from gateway.audit.log import AuditLog
from gateway.edge.key_callers import KeyCallers
from gateway.keys import load_keys
from gateway.users.throttle import LoginThrottle

ACCESS_ISSUER = "igny8-gateway"
ACCESS_AUDIENCE = "igny8-api"
ACCESS_SECONDS = 3600
SIGNING_IN_AT_ONCE = 4
"""Keeps the threads that hash passwords busy, and most of the pool's connections for everybody else."""


@dataclass(frozen=True)
class PartsOf:
    """One per process, made by `make_parts`."""

    keys: WatchedKeys
    identity: IdentitySigner
    access: TokenSigner
    access_verifier: TokenVerifier
    live: LiveUpdates
    audit: AuditLog
    key_callers: KeyCallers
    mailer: Mailer
    throttle: LoginThrottle
    signing_in: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SIGNING_IN_AT_ONCE))


def make_parts(runtime: RuntimeOf) -> PartsOf:
    directory = runtime.settings.token_keys
    keys = load_keys(directory, runtime.clock)

    def signing() -> Ed25519PrivateKey:
        return keys.signing

    return PartsOf(
        keys=keys,
        identity=IdentitySigner(signing, clock=runtime.clock),
        access=TokenSigner(signing, issuer=ACCESS_ISSUER, audience=ACCESS_AUDIENCE, clock=runtime.clock),
        access_verifier=TokenVerifier(
            str(directory / JWKS_FILE), issuer=ACCESS_ISSUER, audience=ACCESS_AUDIENCE, clock=runtime.clock
        ),
        live=LiveUpdates(runtime.database),
        audit=AuditLog(runtime.database, runtime.secrets),
        key_callers=KeyCallers(runtime),
        mailer=open_mailer(runtime.settings),
        throttle=LoginThrottle(runtime.settings.rate_limit_store, runtime.clock),
    )


async def _parts(request: Request) -> PartsOf:
    parts: PartsOf = request.app.state.runtime.extras["gateway"]
    return parts


Parts = Annotated[PartsOf, Depends(_parts)]
