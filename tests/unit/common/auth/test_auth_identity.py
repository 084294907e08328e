"""The identity token: what it carries, and every way of forging it."""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from common.auth.identity import (
    AUDIENCE,
    ISSUER,
    LIFETIME_SECONDS,
    REUSED_SECONDS,
    Identity,
    IdentitySigner,
    IdentityVerifier,
    InvalidIdentity,
)
from common.auth.signing_keys import prepare_keys
from common.auth.tokens import LEEWAY_SECONDS, TokenSigner
from common.ids import new_id
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway.keys import load_keys
from joserfc import jws
from joserfc.jwk import OctKey, OKPKey

NOW = 1_800_000_000
IDENTITY = Identity(
    account_id=new_id(),
    user_id=new_id(),
    role="owner",
    accounts_version=7,
    request_id="r",
    site_ids=(new_id(),),
)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    load_keys(tmp_path)
    return tmp_path


def _verifier(keys: Path, now: float = NOW) -> IdentityVerifier:
    return IdentityVerifier(str(keys / "jwks.json"), clock=lambda: now)


def _signer(keys: Path, now: float = NOW) -> IdentitySigner:
    return IdentitySigner(load_keys(keys).signing, clock=lambda: now)


def _claims(**changes: Any) -> dict[str, Any]:
    standard = {"iss": ISSUER, "aud": AUDIENCE, "iat": NOW, "exp": NOW + 60}
    return {**msgspec.to_builtins(IDENTITY), **standard, **changes}


def _forged(keys: Path, claims: dict[str, Any], **header: Any) -> str:
    key = OKPKey.import_key(load_keys(keys).signing)
    protected = {"alg": "EdDSA", "kid": key.thumbprint(), **header}
    return jws.serialize_compact(protected, json.dumps(claims), key, algorithms=["EdDSA"])


async def test_comes_back_as_it_was_signed(keys: Path) -> None:
    assert await _verifier(keys).verify(_signer(keys).sign(IDENTITY)) == IDENTITY


async def test_the_helper_of_the_forged_tokens_makes_good_ones(keys: Path) -> None:
    assert await _verifier(keys).verify(_forged(keys, _claims())) == IDENTITY


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"aud": "igny8-api"}, id="other audience"),
        pytest.param({"iss": "somebody"}, id="other issuer"),
        pytest.param({"exp": NOW - 31, "iat": NOW - 60}, id="expired"),
        pytest.param({"nbf": NOW + 31}, id="not yet valid"),
        pytest.param({"iat": NOW + 31, "exp": NOW + 91}, id="from the future"),
        pytest.param({"exp": NOW + 3600}, id="lives too long"),
        pytest.param({"exp": None}, id="never ends"),
        pytest.param({"aud": None}, id="no audience"),
        pytest.param({"account_id": "x"}, id="no account"),
    ],
)
async def test_is_refused_with_claims_that_do_not_fit(keys: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidIdentity):
        await _verifier(keys).verify(_forged(keys, _claims(**changes)))


@pytest.mark.parametrize("skew", [-29, 29])
async def test_allows_clocks_to_differ_a_little(keys: Path, skew: int) -> None:
    token = _signer(keys, NOW + skew).sign(IDENTITY, seconds=1)
    assert await _verifier(keys).verify(token) == IDENTITY


async def test_is_refused_without_a_signature(keys: Path) -> None:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    kid = load_keys(keys).jwks["keys"][0]["kid"]
    for algorithm in ("none", "None", "EdDSA"):
        with pytest.raises(InvalidIdentity):
            await _verifier(keys).verify(f"{part({'alg': algorithm, 'kid': kid})}.{part(_claims())}.")


async def test_is_refused_when_signed_by_another_key_under_our_name(keys: Path) -> None:
    kid = load_keys(keys).jwks["keys"][0]["kid"]
    stranger = OKPKey.import_key(Ed25519PrivateKey.generate())
    token = jws.serialize_compact(
        {"alg": "EdDSA", "kid": kid}, json.dumps(_claims()), stranger, algorithms=["EdDSA"]
    )
    with pytest.raises(InvalidIdentity):
        await _verifier(keys).verify(token)


async def test_is_refused_when_our_public_key_is_used_as_a_shared_secret(keys: Path) -> None:
    public = load_keys(keys).jwks["keys"][0]
    secret = OctKey.import_key(json.dumps(public).encode())
    token = jws.serialize_compact(
        {"alg": "HS256", "kid": public["kid"]}, json.dumps(_claims()), secret, algorithms=["HS256"]
    )
    with pytest.raises(InvalidIdentity):
        await _verifier(keys).verify(token)


async def test_an_access_token_is_no_identity(keys: Path) -> None:
    signer = TokenSigner(load_keys(keys).signing, issuer=ISSUER, audience="igny8-api", clock=lambda: NOW)
    with pytest.raises(InvalidIdentity):
        await _verifier(keys).verify(signer.sign(msgspec.to_builtins(IDENTITY), seconds=60))


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "é.é.é", "." * 5])
async def test_is_refused_when_it_is_no_token(keys: Path, text: str) -> None:
    with pytest.raises(InvalidIdentity):
        await _verifier(keys).verify(text)


async def test_a_key_that_is_added_later_is_found(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = _verifier(keys)
    await verifier.verify(_signer(keys).sign(IDENTITY))
    next(keys.glob("*.pem")).unlink()
    monkeypatch.setattr("common.auth.tokens.RELOAD_SECONDS", 0.0)
    assert await verifier.verify(_signer(keys).sign(IDENTITY)) == IDENTITY


async def test_keys_are_named_by_their_thumbprint(tmp_path: Path) -> None:
    """RFC 7638, as the library that reads the tokens has it."""
    ring = prepare_keys(tmp_path, NOW)
    thumbprint = OKPKey.import_key(ring.signing(NOW).private).thumbprint()
    assert ring.jwks(NOW)["keys"][0]["kid"] == thumbprint == next(tmp_path.glob("*.pem")).stem


class TestATokenThatIsReused:
    async def test_goes_along_with_the_same_callers_requests_for_a_moment(self, keys: Path) -> None:
        now = float(NOW)
        signer = IdentitySigner(load_keys(keys).signing, clock=lambda: now)
        first = signer.token_of(IDENTITY)
        now += REUSED_SECONDS - 1
        assert signer.token_of(msgspec.structs.replace(IDENTITY, request_id="another")) == first
        now += 1
        assert signer.token_of(IDENTITY) != first

    async def test_names_no_request(self, keys: Path) -> None:
        read = await _verifier(keys).verify(_signer(keys).token_of(IDENTITY))
        assert read == msgspec.structs.replace(IDENTITY, request_id="")

    @pytest.mark.parametrize(
        "changes",
        [
            {"account_id": new_id()},
            {"user_id": new_id()},
            {"session_id": new_id()},
            {"api_key_id": new_id()},
            {"role": "viewer"},
            {"scopes": ("read",)},
            {"site_ids": ()},
            {"site_ids": None},
            {"approving_site_ids": (new_id(),)},
            {"act_as": new_id()},
            {"plan_status": "suspended"},
            {"accounts_version": 8},
            {"modules": ("planner",)},
            {"route": "auth"},
        ],
        ids=lambda changes: next(iter(changes)),
    )
    async def test_is_never_that_of_another_caller_or_of_another_standing(
        self, keys: Path, changes: dict[str, Any]
    ) -> None:
        signer, verifier = _signer(keys), _verifier(keys)
        other = msgspec.structs.replace(IDENTITY, **changes)
        for identity in (IDENTITY, other, IDENTITY, other):
            read = await verifier.verify(signer.token_of(identity))
            assert read == msgspec.structs.replace(identity, request_id="")

    async def test_is_not_older_than_the_key_that_signs_now(self, keys: Path) -> None:
        key = load_keys(keys).signing
        signer = IdentitySigner(lambda: key, clock=lambda: NOW)
        first = signer.token_of(IDENTITY)
        key = Ed25519PrivateKey.generate()
        assert signer.token_of(IDENTITY).split(".")[0] != first.split(".")[0]

    async def test_is_made_anew_where_the_clock_has_gone_back(self, keys: Path) -> None:
        now = float(NOW)
        signer = IdentitySigner(load_keys(keys).signing, clock=lambda: now)
        signer.token_of(IDENTITY)
        now -= 3600
        assert await _verifier(keys, now).verify(signer.token_of(IDENTITY))

    async def test_is_kept_of_so_many_callers_only(self, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("common.auth.identity.MOST_REUSED", 2)
        signer, verifier = _signer(keys), _verifier(keys)
        for identity in [msgspec.structs.replace(IDENTITY, user_id=new_id()) for _ in range(5)]:
            assert (await verifier.verify(signer.token_of(identity))).user_id == identity.user_id
        assert len(signer._reused) <= 2


class TestATokenThatWasReadBefore:
    async def test_ends_when_it_says(self, keys: Path) -> None:
        now = float(NOW)
        verifier = IdentityVerifier(str(keys / "jwks.json"), clock=lambda: now)
        token = _signer(keys).token_of(IDENTITY)
        await verifier.verify(token)
        now += LIFETIME_SECONDS + LEEWAY_SECONDS + 1
        with pytest.raises(InvalidIdentity):
            await verifier.verify(token)

    async def test_opens_nothing_once_its_key_is_published_no_more(
        self, keys: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        verifier, token = _verifier(keys), _signer(keys).token_of(IDENTITY)
        await verifier.verify(token)
        next(keys.glob("*.pem")).unlink()
        (keys / "jwks.json").unlink()
        load_keys(keys)
        monkeypatch.setattr("common.auth.tokens.REFRESH_SECONDS", -1.0)
        monkeypatch.setattr("common.auth.tokens.RELOAD_SECONDS", 0.0)
        with pytest.raises(InvalidIdentity):
            await verifier.verify(token)

    async def test_lends_its_claims_to_no_other_signature(self, keys: Path) -> None:
        verifier, token = _verifier(keys), _signer(keys).token_of(IDENTITY)
        await verifier.verify(token)
        start, _, signature = token.rpartition(".")
        forged = signature.translate(str.maketrans("AB", "BA"))
        for other in (f"{start}.", start, f"{start}.{forged}x", f"{start}.{signature[:-4]}AAAA"):
            with pytest.raises(InvalidIdentity):
                await verifier.verify(other)

    async def test_is_one_of_so_many(self, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("common.auth.tokens.MOST_READ", 2)
        signer, verifier = _signer(keys), _verifier(keys)
        for identity in [msgspec.structs.replace(IDENTITY, user_id=new_id()) for _ in range(5)]:
            assert (await verifier.verify(signer.sign(identity))) == identity
        assert len(verifier._tokens._read_already) <= 2
