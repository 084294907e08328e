"""Rotation of the keys that tokens are signed with: nobody is signed out, nothing is signed by an unpublished key."""

import json
from pathlib import Path

import pytest
from common.auth.signing_keys import (
    JWKS_FILE,
    KEPT_SECONDS,
    LEAD_SECONDS,
    KeyRing,
    WatchedKeys,
    prepare_keys,
    read_keys,
    rotate_keys,
    write_whole,
)
from common.auth.tokens import InvalidToken, TokenSigner, TokenVerifier

NOW = 1_800_000_000.0
HOUR = 3600


def published(directory: Path) -> set[str]:
    return {key["kid"] for key in json.loads((directory / JWKS_FILE).read_text())["keys"]}


def kids(ring: KeyRing) -> list[str]:
    return [key.kid for key in ring.keys]


def test_the_first_key_signs_and_is_published(tmp_path: Path) -> None:
    ring = prepare_keys(tmp_path, NOW)
    assert prepare_keys(tmp_path, NOW).signing(NOW).kid == ring.signing(NOW).kid
    assert published(tmp_path) == set(kids(ring))
    assert [path.stat().st_mode & 0o777 for path in tmp_path.glob("*.pem")] == [0o600]


def test_a_new_key_is_published_before_it_signs(tmp_path: Path) -> None:
    first = prepare_keys(tmp_path, NOW).signing(NOW)
    second = rotate_keys(tmp_path, NOW)
    ring = read_keys(tmp_path)
    assert published(tmp_path) == {first.kid, second.kid}
    assert ring.signing(NOW + LEAD_SECONDS - 1).kid == first.kid
    assert ring.signing(NOW + LEAD_SECONDS).kid == second.kid


def test_an_old_key_is_published_until_its_last_token_has_run_out(tmp_path: Path) -> None:
    first = prepare_keys(tmp_path, NOW).signing(NOW)
    second = rotate_keys(tmp_path, NOW, 0)
    ring = read_keys(tmp_path)
    assert first in ring.published(NOW + HOUR + 60)
    assert first not in ring.published(NOW + KEPT_SECONDS)
    third = rotate_keys(tmp_path, NOW + KEPT_SECONDS, 0)
    assert kids(read_keys(tmp_path)) == [second.kid, third.kid]
    assert published(tmp_path) == {second.kid, third.kid}


def test_two_rotations_in_a_row_lose_no_key(tmp_path: Path) -> None:
    first = prepare_keys(tmp_path, NOW).signing(NOW)
    second, third = rotate_keys(tmp_path, NOW), rotate_keys(tmp_path, NOW + 1)
    ring = read_keys(tmp_path)
    assert kids(ring) == [first.kid, second.kid, third.kid]
    assert ring.signing(NOW + LEAD_SECONDS + 1).kid == third.kid


def test_a_rotation_that_stops_anywhere_lets_no_new_key_sign_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever moment a reader looks at the directory in, or the machine stops in."""
    first = prepare_keys(tmp_path, NOW).signing(NOW)
    signs: list[str] = []

    def watched(path: Path, text: str, mode: int) -> None:
        signs.append(read_keys(tmp_path).signing(NOW).kid)
        write_whole(path, text, mode)
        signs.append(read_keys(tmp_path).signing(NOW).kid)

    monkeypatch.setattr("common.auth.signing_keys.write_whole", watched)
    rotate_keys(tmp_path, NOW)
    assert len(signs) == 6
    assert set(signs) == {first.kid}


async def test_a_running_process_sees_the_rotation_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.auth.signing_keys.WATCH_SECONDS", 0.0)
    monkeypatch.setattr("common.auth.tokens.RELOAD_SECONDS", 0.0)
    now = NOW
    keys = WatchedKeys(tmp_path, lambda: now)
    signer = TokenSigner(lambda: keys.signing, issuer="i", audience="a", clock=lambda: now)
    verifier = TokenVerifier(str(tmp_path / JWKS_FILE), issuer="i", audience="a", clock=lambda: now)
    old = signer.sign({"sub": "x"}, seconds=HOUR)
    await verifier.verify(old)
    second = rotate_keys(tmp_path, now)
    assert {key["kid"] for key in keys.jwks["keys"]} == published(tmp_path)
    assert second.kid in published(tmp_path)
    now += LEAD_SECONDS
    assert (
        keys.signing == second.private
        or keys.signing.private_bytes_raw() == second.private.private_bytes_raw()
    )
    for token in (old, signer.sign({"sub": "x"}, seconds=HOUR)):
        assert (await verifier.verify(token))["sub"] == "x"


async def test_a_key_that_is_published_no_more_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who stole it and dates a token anew gets nowhere."""
    monkeypatch.setattr("common.auth.signing_keys.WATCH_SECONDS", 0.0)
    now = NOW
    keys = WatchedKeys(tmp_path, lambda: now)
    stolen = keys.signing
    verifier = TokenVerifier(str(tmp_path / JWKS_FILE), issuer="i", audience="a", clock=lambda: now)
    forger = TokenSigner(stolen, issuer="i", audience="a", clock=lambda: now)
    rotate_keys(tmp_path, now, 0)
    await verifier.verify(forger.sign({}, seconds=60))
    now += KEPT_SECONDS
    assert len(keys.jwks["keys"]) == 1  # and by this look at them published so
    monkeypatch.setattr("common.auth.tokens.REFRESH_SECONDS", -1.0)
    monkeypatch.setattr("common.auth.tokens.RELOAD_SECONDS", 0.0)
    with pytest.raises(InvalidToken):
        await verifier.verify(forger.sign({}, seconds=60))


async def test_keys_that_cannot_be_read_for_a_moment_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = WatchedKeys(tmp_path, lambda: NOW)
    verifier = TokenVerifier(str(tmp_path / JWKS_FILE), issuer="i", audience="a", clock=lambda: NOW)
    token = TokenSigner(keys.signing, issuer="i", audience="a", clock=lambda: NOW).sign({}, seconds=60)
    await verifier.verify(token)
    (tmp_path / JWKS_FILE).unlink()
    monkeypatch.setattr("common.auth.tokens.REFRESH_SECONDS", -1.0)
    await verifier.verify(token)
