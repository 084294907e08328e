"""Signed tokens: JWT (RFC 7519) with EdDSA over Ed25519 (RFC 8037), keys published as a JWK set (RFC 7517)."""

import asyncio
import json
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError, SecurityWarning
from joserfc.jwk import KeySet, OKPKey

# RFC 9864 renames EdDSA over this curve to "Ed25519"; libraries of our API's clients do not know that name yet.
warnings.filterwarnings("ignore", message=".*RFC 9864.*", category=SecurityWarning)

log = structlog.get_logger()

ALGORITHM = "EdDSA"
LEEWAY_SECONDS = 30
"""Clocks may differ by this much (ARCHITECTURE §12)."""
RELOAD_SECONDS = 1.0
"""Tokens with invented key ids must not turn into a request to the key server each."""

REFRESH_SECONDS = 60.0
"""A key that is published no more is forgotten after this long, though its id is known."""
MOST_READ = 1_000
"""Tokens whose signature is known to be good. A caller has one for some seconds; one that is forgotten is checked again."""
LONGEST_TOKEN = 8_192
"""Characters. Ours have some hundred; a longer one is not worth reading."""
HEADER = frozenset(("alg", "kid", "typ"))
"""All that our tokens' headers say. What else a header can ask for (`crit`, `jwk`, `jku`, `x5c`, `b64`, …) is refused."""

Clock = Callable[[], float]
Claims = dict[str, Any]
Signing = Ed25519PrivateKey | Callable[[], Ed25519PrivateKey]
"""A key, or what says which key signs now."""


class InvalidToken(Exception):
    """The token is malformed, forged, of another audience, expired or not yet valid."""


class TokenSigner:
    """Signs claims for one audience."""

    def __init__(self, key: Signing, *, issuer: str, audience: str, clock: Clock = time.time) -> None:
        self._signing = key if callable(key) else lambda: key
        self._private: Ed25519PrivateKey | None = None
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    @property
    def key(self) -> Ed25519PrivateKey:
        """What signs now."""
        return self._signing()

    def sign(self, claims: Mapping[str, Any], *, seconds: int) -> str:
        """A compact JWT that ends in `seconds`."""
        private = self.key
        if private is not self._private:
            self._key, self._private = OKPKey.import_key(private), private
            self._header = {"alg": ALGORITHM, "kid": self._key.thumbprint()}
        now = int(self._clock())
        registered = {"iss": self._issuer, "aud": self._audience, "iat": now, "exp": now + seconds}
        return jwt.encode(self._header, {**claims, **registered}, self._key, algorithms=[ALGORITHM])


class TokenVerifier:
    """Checks signature, algorithm, issuer, audience and times; the signature of the same token once for each reading of the keys.

    `jwks` is a file or an http(s) URL; it is read at first use, each minute, and when a token names an
    unknown key; while it cannot be read, the keys known before go on.
    """

    def __init__(self, jwks: str, *, issuer: str, audience: str, clock: Clock = time.time) -> None:
        self._jwks = jwks
        self._keys: KeySet | None = None
        self._read_already: dict[str, Claims] = {}
        self._loaded_at = -RELOAD_SECONDS
        self._loading = asyncio.Lock()
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(clock()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            iat={"essential": True},
        )

    async def verify(self, token: str) -> Claims:
        """The token's claims; raises `InvalidToken`."""
        if len(token) > LONGEST_TOKEN:
            raise InvalidToken("The token is not valid: it is too long.")
        if time.monotonic() - self._loaded_at > REFRESH_SECONDS and not self._loading.locked():
            await self._reload()
        try:
            return self._read(token)
        except InvalidKeyIdError:
            await self._reload()
        try:
            return self._read(token)
        except InvalidKeyIdError as error:
            raise InvalidToken("The token is signed with a key that is not ours.") from error

    def _read(self, token: str) -> Claims:
        if self._keys is None:
            raise InvalidKeyIdError("no keys yet")
        try:
            claims = self._read_already.get(token)
            if claims is None:
                claims = self._decoded(token, self._keys)
            self._claims.validate(claims)
        except InvalidKeyIdError:
            raise
        except (JoseError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise InvalidToken(f"The token is not valid: {_reason(error)}.") from error
        return claims

    def _decoded(self, token: str, keys: KeySet) -> Claims:
        """The claims of a token that one of the keys has signed, whatever they say."""
        read = jwt.decode(token, keys, algorithms=[ALGORITHM])
        if not (HEADER >= read.header.keys() >= {"alg", "kid"}) or read.header.get("typ", "JWT") != "JWT":
            raise InvalidToken("The token is not valid: its header is none of ours.")
        if len(self._read_already) >= MOST_READ:
            self._read_already.clear()
        self._read_already[token] = read.claims
        return read.claims

    async def _reload(self) -> None:
        async with self._loading:
            if self._keys is not None and time.monotonic() - self._loaded_at < RELOAD_SECONDS:
                return
            try:
                self._keys = KeySet.import_key_set(await self._fetch())
                self._read_already.clear()  # a key that signed one of them may be published no more
            except (OSError, httpx.HTTPError, ValueError, KeyError, TypeError, JoseError) as error:
                log.warning("jwks_unreadable", jwks=self._jwks, error=repr(error))
            self._loaded_at = time.monotonic()

    async def _fetch(self) -> Any:
        if self._jwks.startswith(("http://", "https://")):
            async with httpx.AsyncClient(timeout=5.0) as client:
                return (await client.get(self._jwks)).raise_for_status().json()
        return json.loads(await asyncio.to_thread(Path(self._jwks).read_text))


def _reason(error: Exception) -> str:
    return error.error.replace("_", " ") if isinstance(error, JoseError) else "malformed"
