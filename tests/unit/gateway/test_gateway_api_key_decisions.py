"""The rules of an API key, and the form of its secret."""

from typing import get_args

import pytest
from common.auth.permissions import SCOPES
from common.ids import new_id
from common.testing import given
from gateway.api_keys.decisions import (
    API_KEY,
    MOST_API_KEYS,
    ApiKeyCommand,
    ApiKeyMissing,
    ChangeApiKey,
    MakeApiKey,
    RevokeApiKey,
    RotateApiKey,
    TooManyApiKeys,
)
from gateway.api_keys.events import ApiKeyChanged, ApiKeyMade, ApiKeyRevoked, ApiKeyRotated, Scope
from gateway.api_keys.secret import is_secret, new_secret, prefix_of

SITE = new_id()
MADE = ApiKeyMade(new_id(), "name", "ig8_a", "hash", ("read",), (SITE,), "2030-01-01T00:00:00+00:00")
ROTATE = RotateApiKey("ig8_b", "new", "2029-01-01T00:00:00+00:00")


class TestWhenUnknown:
    def test_is_made(self) -> None:
        given(API_KEY)().when(MakeApiKey(MADE, MOST_API_KEYS - 1)).then(MADE)

    def test_is_made_where_there_are_not_too_many(self) -> None:
        full = MakeApiKey(MADE, MOST_API_KEYS)
        given(API_KEY)().when(full).then_refused(TooManyApiKeys, limit=MOST_API_KEYS)
        given(API_KEY)(MADE).when(full).then_nothing()

    @pytest.mark.parametrize("command", [ChangeApiKey(), ROTATE, RevokeApiKey()])
    def test_nothing_else_is_possible(self, command: ApiKeyCommand) -> None:
        given(API_KEY)().when(command).then_refused(ApiKeyMissing)
        given(API_KEY)(ApiKeyRevoked()).when(command).then_refused(ApiKeyMissing)


class TestWhenMade:
    def test_is_made_no_second_time(self) -> None:
        given(API_KEY)(MADE).when(MakeApiKey(MADE)).then_nothing()

    def test_changes_what_is_named(self) -> None:
        same = {
            "name_cipher": "name",
            "scopes": ("read",),
            "site_ids": (SITE,),
            "expires_at": MADE.expires_at,
        }
        for change in ({"name_cipher": "x"}, {"scopes": ("ai",)}, {"site_ids": None}, {"expires_at": None}):
            given(API_KEY)(MADE).when(ChangeApiKey(**change)).then(
                ApiKeyChanged(**{**same, **change})  # type: ignore[arg-type]
            )
        given(API_KEY)(MADE).when(ChangeApiKey(**same)).then_nothing()  # type: ignore[arg-type]
        given(API_KEY)(MADE).when(ChangeApiKey()).then_nothing()

    def test_rotates_and_knows_which_secret_ends(self) -> None:
        first = ApiKeyRotated("ig8_b", "new", "hash", ROTATE.old_until)
        given(API_KEY)(MADE).when(ROTATE).then(first)
        given(API_KEY)(MADE, first).when(RotateApiKey("ig8_c", "newest", "later")).then(
            ApiKeyRotated("ig8_c", "newest", "new", "later")
        )

    def test_keeps_its_hash_when_it_is_changed(self) -> None:
        changed = ApiKeyChanged("x", ("read",))
        given(API_KEY)(MADE, changed).when(ROTATE).then(
            ApiKeyRotated("ig8_b", "new", "hash", ROTATE.old_until)
        )

    def test_is_revoked(self) -> None:
        given(API_KEY)(MADE).when(RevokeApiKey()).then(ApiKeyRevoked())


class TestWhenRevoked:
    def test_is_revoked_no_second_time(self) -> None:
        given(API_KEY)(MADE, ApiKeyRevoked()).when(RevokeApiKey()).then_nothing()

    @pytest.mark.parametrize("command", [ChangeApiKey("x"), ROTATE])
    def test_never_comes_back(self, command: ApiKeyCommand) -> None:
        given(API_KEY)(MADE, ApiKeyRevoked()).when(command).then_refused(ApiKeyMissing)
        given(API_KEY)(MADE, ApiKeyRevoked()).when(MakeApiKey(MADE)).then_nothing()


class TestSecret:
    def test_is_new_each_time_and_recognised(self) -> None:
        made = {new_secret() for _ in range(100)}
        assert len(made) == 100
        assert all(is_secret(each) and each.startswith(prefix_of(each)) for each in made)
        assert {len(prefix_of(each)) for each in made} == {12}

    @pytest.mark.parametrize(
        "text",
        ["", "ig8_", "ig8_x", new_secret() + "x", " " + new_secret(), "é" * 47],
        ids=["empty", "prefix", "short", "longer", "begun", "foreign"],
    )
    def test_nothing_else_has_its_form(self, text: str) -> None:
        assert not is_secret(text)


def test_the_scopes_are_those_of_the_table_of_permissions() -> None:
    assert get_args(Scope) == tuple(SCOPES)
