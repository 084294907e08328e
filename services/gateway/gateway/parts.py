"""What the gateway's routes need beside the kit: signing keys, access tokens, throttle, live updates."""

from dataclasses import dataclass
from typing import Annotated

from common.api.runtime import RuntimeOf
from common.auth.identity import IdentitySigner
from common.auth.tokens import TokenSigner, TokenVerifier
from fastapi import Depends, Request

from gateway.activity.live import LiveUpdates
from gateway.keys import JWKS_FILE, SigningKeys, load_keys
from gateway.users.throttle import LoginThrottle

ACCESS_ISSUER = "igny8-gateway"
ACCESS_AUDIENCE = "igny8-api"
ACCESS_SECONDS = 3600


@dataclass(frozen=True)
class PartsOf:
    """One per process, made by `make_parts`."""

    keys: SigningKeys
    identity: IdentitySigner
    access: TokenSigner
    access_verifier: TokenVerifier
    live: LiveUpdates
    throttle: LoginThrottle


def make_parts(runtime: RuntimeOf) -> PartsOf:
    directory = runtime.settings.token_keys
    keys = load_keys(directory)
    return PartsOf(
        keys=keys,
        identity=IdentitySigner(keys.signing, clock=runtime.clock),
        access=TokenSigner(keys.signing, issuer=ACCESS_ISSUER, audience=ACCESS_AUDIENCE, clock=runtime.clock),
        access_verifier=TokenVerifier(
            str(directory / JWKS_FILE), issuer=ACCESS_ISSUER, audience=ACCESS_AUDIENCE, clock=runtime.clock
        ),
        live=LiveUpdates(runtime.database),
        throttle=LoginThrottle(runtime.settings.rate_limit_store),
    )


def _parts(request: Request) -> PartsOf:
    parts: PartsOf = request.app.state.runtime.extras["gateway"]
    return parts


Parts = Annotated[PartsOf, Depends(_parts)]
