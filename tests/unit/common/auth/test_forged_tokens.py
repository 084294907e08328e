"""Every malformed and forged token that we could think of, refused by the gateway's verifier and by the services'.

Each row makes a token from a good one of the same kind; the good one is accepted, so that each refusal is the row's doing.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from common.auth.identity import AUDIENCE, ISSUER, IdentityVerifier, InvalidIdentity
from common.auth.signing_keys import JWKS_FILE, prepare_keys, rotate_keys
from common.auth.tokens import InvalidToken, TokenVerifier
from common.ids import new_id
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from gateway.parts import ACCESS_AUDIENCE, ACCESS_ISSUER

NOW = 1_800_000_000
STRANGER = Ed25519PrivateKey.generate()
REMOVE = object()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Kit:
    """Our key, what it signs, and what an attacker knows of it."""

    def __init__(self, directory: Path, claims: dict[str, Any]) -> None:
        ring = prepare_keys(directory, NOW)
        self.key = ring.signing(NOW).private
        self.public = ring.jwks(NOW)["keys"][0]
        self.raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.pem = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.claims = claims

    def header(self, **changes: Any) -> dict[str, Any]:
        return _without({"alg": "EdDSA", "kid": self.public["kid"], "typ": "JWT"} | changes)

    def input(self, header: Any = None, claims: Any = None) -> str:
        texts = [
            each if isinstance(each, bytes) else json.dumps(each).encode()
            for each in (
                self.header() if header is None else header,
                self.claims if claims is None else claims,
            )
        ]
        return ".".join(b64(text) for text in texts)

    def sign(self, header: Any = None, claims: Any = None, key: Ed25519PrivateKey | None = None) -> str:
        text = self.input(header, claims)
        return f"{text}.{b64((key or self.key).sign(text.encode()))}"

    def with_claims(self, **changes: Any) -> str:
        return self.sign(claims=_without(self.claims | changes))

    def hmac(self, secret: bytes, algorithm: str = "HS256") -> str:
        text = self.input(self.header(alg=algorithm))
        return f"{text}.{b64(hmac.digest(secret, text.encode(), f'sha{algorithm[2:]}'))}"


def _without(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not REMOVE}


def _parts(kit: Kit) -> list[str]:
    return kit.sign().split(".")


def _es256(kit: Kit) -> str:
    text = kit.input(kit.header(alg="ES256"))
    return f"{text}.{b64(ec.generate_private_key(ec.SECP256R1()).sign(text.encode(), ec.ECDSA(SHA256())))}"


def _rs256(kit: Kit) -> str:
    text = kit.input(kit.header(alg="RS256"))
    key = rsa.generate_private_key(65537, 2048)
    return f"{text}.{b64(key.sign(text.encode(), PKCS1v15(), SHA256()))}"


def _jwk(key: Ed25519PrivateKey) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes_raw())}


Forgery = Callable[[Kit], str]


def _unsigned(algorithm: Any) -> Forgery:
    return lambda k: f"{k.input(k.header(alg=algorithm))}."


def _renamed(algorithm: str) -> Forgery:
    return lambda k: k.sign(k.header(alg=algorithm))


def _claiming(name: str, value: Any) -> Forgery:
    return lambda k: k.with_claims(**{name: value})


NO_ALGORITHMS: tuple[Any, ...] = (
    *("none", "None", "NONE", "nOnE", "", "EdDSA", "HS256"),
    *(None, 0, [], {}, ["EdDSA"]),
)
OTHER_AUDIENCES: tuple[Any, ...] = ("other", "", [], ["other"], {}, 5, [5], "IGNY8-API")
ALGORITHMS: dict[str, Forgery] = {
    **{f"alg {name!r} and no signature": _unsigned(name) for name in NO_ALGORITHMS},
    "alg none with a signature": lambda k: k.sign(k.header(alg="none")),
    "alg left out": lambda k: k.sign(k.header(alg=REMOVE)),
    **{
        f"alg {name} over an EdDSA signature": _renamed(name)
        for name in (
            "HS256",
            "RS256",
            "ES256",
            "PS512",
            "Ed25519",
            "Ed448",
            "eddsa",
            "ES256K",
            "dir",
            "A128KW",
        )
    },
    "HS256 with the raw public key": lambda k: k.hmac(k.raw),
    "HS256 with the public key as PEM": lambda k: k.hmac(k.pem),
    "HS256 with the public key as JWK": lambda k: k.hmac(json.dumps(k.public).encode()),
    "HS256 with the public x": lambda k: k.hmac(k.public["x"].encode()),
    "HS256 with nothing": lambda k: k.hmac(b""),
    "HS512 with the raw public key": lambda k: k.hmac(k.raw, "HS512"),
    "ES256 by a key of its own": _es256,
    "RS256 by a key of its own": _rs256,
}
KEYS: dict[str, Forgery] = {
    "another key under our name": lambda k: k.sign(key=STRANGER),
    "another key under its own name": lambda k: k.sign(k.header(kid="stranger"), key=STRANGER),
    "an unknown kid over our signature": lambda k: k.sign(k.header(kid="unknown")),
    "no kid": lambda k: k.sign(k.header(kid=REMOVE)),
    "no kid, another key": lambda k: k.sign(k.header(kid=REMOVE), key=STRANGER),
    "kid null": lambda k: k.sign(k.header(kid=None)),
    "kid empty": lambda k: k.sign(k.header(kid="")),
    "kid a number": lambda k: k.sign(k.header(kid=0)),
    "kid a list": lambda k: k.sign(k.header(kid=[k.public["kid"]])),
    "kid an object": lambda k: k.sign(k.header(kid={"kid": k.public["kid"]})),
    "kid a path": lambda k: k.sign(k.header(kid="../../../../dev/null"), key=STRANGER),
    "kid SQL": lambda k: k.sign(k.header(kid="x' UNION SELECT 'key"), key=STRANGER),
    "its own jwk": lambda k: k.sign(k.header(jwk=_jwk(STRANGER)), key=STRANGER),
    "its own jwk and no kid": lambda k: k.sign(k.header(jwk=_jwk(STRANGER), kid=REMOVE), key=STRANGER),
    "its own jku": lambda k: k.sign(k.header(jku="https://evil.example/jwks.json"), key=STRANGER),
    "its own x5u": lambda k: k.sign(k.header(x5u="https://evil.example/chain.pem"), key=STRANGER),
    "its own x5c": lambda k: k.sign(k.header(x5c=["MIIB"]), key=STRANGER),
    "our key and a jwk": lambda k: k.sign(k.header(jwk=_jwk(k.key))),
    "our key and a jku": lambda k: k.sign(k.header(jku="https://evil.example/jwks.json")),
    "our key and x5t": lambda k: k.sign(k.header(x5t="x")),
}
HEADERS: dict[str, Forgery] = {
    "crit of an unknown extension": lambda k: k.sign(k.header(crit=["exp2"], exp2=1)),
    "crit without its parameter": lambda k: k.sign(k.header(crit=["exp"])),
    "crit empty": lambda k: k.sign(k.header(crit=[])),
    "crit of a known parameter": lambda k: k.sign(k.header(crit=["alg"])),
    "payload not encoded": lambda k: k.sign(k.header(b64=False, crit=["b64"])),
    "compressed": lambda k: k.sign(k.header(zip="DEF")),
    "encrypted": lambda k: k.sign(k.header(enc="A256GCM")),
    "another type": lambda k: k.sign(k.header(typ="at+jwt2")),
    "type a number": lambda k: k.sign(k.header(typ=1)),
    "nested": lambda k: k.sign(k.header(cty="JWT")),
    "an unknown parameter": lambda k: k.sign(k.header(x=1)),
    "header a list": lambda k: k.sign([k.header()]),
    "header a text": lambda k: k.sign('"EdDSA"'),
    "header null": lambda k: k.sign(b"null"),
    "header empty": lambda k: k.sign({}),
    "header no JSON": lambda k: k.sign(b"{alg:EdDSA}"),
    "header no UTF-8": lambda k: k.sign(b"\xff\xfe"),
    "header too deep": lambda k: k.sign(b"[" * 5_000),
}
CLAIMS: dict[str, Forgery] = {
    **{f"no {name}": _claiming(name, REMOVE) for name in ("iss", "aud", "exp", "iat")},
    **{f"{name} null": _claiming(name, None) for name in ("iss", "aud", "exp", "iat")},
    **{f"aud {value!r}": _claiming("aud", value) for value in OTHER_AUDIENCES},
    **{f"iss {value!r}": _claiming("iss", value) for value in ("other", "", ["igny8-gateway"], 5)},
    "expired": lambda k: k.with_claims(exp=NOW - 31, iat=NOW - 60),
    "expired long ago": lambda k: k.with_claims(exp=1, iat=0),
    "expired before it was made": lambda k: k.with_claims(exp=-1),
    "exp a text": lambda k: k.with_claims(exp=str(NOW + 60)),
    "exp true": lambda k: k.with_claims(exp=True),
    "exp a list": lambda k: k.with_claims(exp=[NOW + 60]),
    "exp NaN": lambda k: k.with_claims(exp=float("nan")),
    "exp infinite": lambda k: k.with_claims(exp=float("inf")),
    "not yet valid": lambda k: k.with_claims(nbf=NOW + 31),
    "valid next year": lambda k: k.with_claims(nbf=NOW + 31_536_000),
    "nbf a text": lambda k: k.with_claims(nbf="now"),
    "nbf NaN": lambda k: k.with_claims(nbf=float("nan")),
    "made in the future": lambda k: k.with_claims(iat=NOW + 31, exp=NOW + 60),
    "iat a text": lambda k: k.with_claims(iat="now"),
    "payload a list": lambda k: k.sign(claims=[k.claims]),
    "payload a text": lambda k: k.sign(claims='"x"'),
    "payload null": lambda k: k.sign(claims=b"null"),
    "payload empty": lambda k: k.sign(claims=b""),
    "payload no JSON": lambda k: k.sign(claims=b"{exp:1}"),
    "payload no UTF-8": lambda k: k.sign(claims=b'{"iss":"\xff"}'),
    "payload too deep": lambda k: k.sign(claims=b"[" * 5_000),
}
FORMS: dict[str, Forgery] = {
    "empty": lambda k: "",
    "blank": lambda k: " ",
    "one part": lambda k: _parts(k)[0],
    "two parts": lambda k: ".".join(_parts(k)[:2]),
    "four parts": lambda k: k.sign() + ".x",
    "five parts, as an encrypted one has": lambda k: k.sign() + ".x.y",
    "no header": lambda k: "." + ".".join(_parts(k)[1:]),
    "no payload": lambda k: "{0}..{2}".format(*_parts(k)),
    "dots": lambda k: "." * 2,
    "many dots": lambda k: "." * 5_000,
    "not ASCII": lambda k: "é" + k.sign(),
    "a zero byte": lambda k: k.sign() + "\x00",
    "a line break": lambda k: k.sign() + "\n",
    "a space in the middle": lambda k: k.sign().replace(".", ". ", 1),
    "padded": lambda k: k.sign() + "==",
    "base64 of another alphabet": lambda k: "{}.{}.+/+/".format(*_parts(k)),
    "signature cut": lambda k: k.sign()[:-8],
    "signature of another token": lambda k: ".".join(
        [*_parts(k)[:2], k.with_claims(sub="x").rpartition(".")[2]]
    ),
    "signature of zeros": lambda k: ".".join([*_parts(k)[:2], b64(b"\0" * 64)]),
    "signature doubled": lambda k: k.sign() + _parts(k)[2],
    "one bit of the payload": lambda k: "{}.{}.{}".format(*_flipped(_parts(k), 1)),
    "one bit of the signature": lambda k: "{}.{}.{}".format(*_flipped(_parts(k), 2)),
    "an opaque token": lambda k: hashlib.sha256(k.raw).hexdigest(),
    "huge": lambda k: k.with_claims(padding="x" * 10_000),
    "huge and not ours": lambda k: "x" * 1_000_000,
    "JSON serialization": lambda k: json.dumps(
        dict(zip(("protected", "payload", "signature"), _parts(k), strict=True))
    ),
    "a scheme before it": lambda k: "Bearer " + k.sign(),
}
FORGERIES = {**ALGORITHMS, **KEYS, **HEADERS, **CLAIMS, **FORMS}


def _flipped(parts: list[str], which: int) -> list[str]:
    raw = bytearray(base64.urlsafe_b64decode(parts[which] + "=="))
    raw[len(raw) // 2] ^= 1
    return [*parts[:which], b64(bytes(raw)), *parts[which + 1 :]]


@pytest.fixture
def access(tmp_path: Path) -> tuple[Kit, TokenVerifier]:
    claims = {"iss": ACCESS_ISSUER, "aud": ACCESS_AUDIENCE, "iat": NOW, "exp": NOW + 60}
    kit = Kit(tmp_path, claims | {"sub": str(new_id()), "account_id": str(new_id())})
    verifier = TokenVerifier(
        str(tmp_path / JWKS_FILE), issuer=ACCESS_ISSUER, audience=ACCESS_AUDIENCE, clock=lambda: NOW
    )
    return kit, verifier


@pytest.fixture
def identity(tmp_path: Path) -> tuple[Kit, IdentityVerifier]:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": NOW, "exp": NOW + 60}
    kit = Kit(tmp_path, claims | {"account_id": str(new_id()), "role": "owner"})
    return kit, IdentityVerifier(str(tmp_path / JWKS_FILE), clock=lambda: NOW)


def test_there_are_enough_of_them() -> None:
    assert len(FORGERIES) >= 80


async def test_the_good_ones_are_accepted(
    access: tuple[Kit, TokenVerifier], identity: tuple[Kit, IdentityVerifier]
) -> None:
    assert (await access[1].verify(access[0].sign()))["sub"]
    assert (await identity[1].verify(identity[0].sign())).role == "owner"
    assert (await identity[1].verify(identity[0].sign(identity[0].header(typ=REMOVE)))).role == "owner"


@pytest.mark.parametrize("forge", [pytest.param(forge, id=name) for name, forge in FORGERIES.items()])
async def test_is_refused_at_the_gateway_and_at_the_services(
    access: tuple[Kit, TokenVerifier], identity: tuple[Kit, IdentityVerifier], forge: Forgery
) -> None:
    with pytest.raises(InvalidToken):
        await access[1].verify(forge(access[0]))
    with pytest.raises(InvalidIdentity):
        await identity[1].verify(forge(identity[0]))


async def test_each_kind_opens_nothing_of_the_other(
    access: tuple[Kit, TokenVerifier], identity: tuple[Kit, IdentityVerifier]
) -> None:
    """One key signs both: only the audience tells them apart."""
    with pytest.raises(InvalidToken):
        await access[1].verify(identity[0].sign())
    with pytest.raises(InvalidIdentity):
        await identity[1].verify(access[0].sign())


async def test_a_key_before_its_time_is_published_but_ours_alone(
    access: tuple[Kit, TokenVerifier], tmp_path: Path
) -> None:
    rotate_keys(tmp_path, NOW)
    with pytest.raises(InvalidToken):
        await access[1].verify(access[0].sign(key=STRANGER))
    assert (await access[1].verify(access[0].sign()))["sub"]
