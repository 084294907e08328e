"""The rules of a user and of refresh tokens."""

import hashlib

import pytest
from common.ids import new_id
from common.testing import given
from gateway.users.decisions import (
    USER,
    ChangePassword,
    ChangeProfile,
    ChoosePlace,
    RegisterUser,
    RevokeSession,
    SignIn,
    SignOut,
    SignOutEverywhere,
    UserCommand,
    UserMissing,
)
from gateway.users.events import (
    MOST_SESSIONS,
    PasswordChanged,
    PlaceChosen,
    ProfileChanged,
    SessionRevoked,
    SignedIn,
    SignedOut,
    SignedOutEverywhere,
    User,
    UserRegistered,
)
from gateway.users.sessions import RefreshToken, Standing, standing

S, T = new_id(), new_id()
REGISTERED = UserRegistered(new_id(), "index", "mail", "password", "owner", "first", "last")
COMMANDS = [
    SignIn(S),
    SignOut(S),
    RevokeSession(S),
    ChangeProfile("a"),
    ChoosePlace(T, None),
    SignOutEverywhere(),
    ChangePassword("p"),
]


class TestWhenUnknown:
    def test_registers(self) -> None:
        given(USER)().when(RegisterUser(REGISTERED)).then(REGISTERED)

    @pytest.mark.parametrize("command", COMMANDS)
    def test_nothing_else_is_possible(self, command: UserCommand) -> None:
        given(USER)().when(command).then_refused(UserMissing)
        given(USER)(SignedIn(S)).when(command).then_refused(UserMissing)


class TestWhenRegistered:
    def test_registers_no_second_time(self) -> None:
        given(USER)(REGISTERED).when(RegisterUser(REGISTERED)).then_nothing()

    def test_changes_only_the_named_fields(self) -> None:
        given(USER)(REGISTERED).when(ChangeProfile(last_name_cipher="x")).then(ProfileChanged("first", "x"))
        given(USER)(REGISTERED).when(ChangeProfile(first_name_cipher="x")).then(ProfileChanged("x", "last"))
        given(USER)(REGISTERED).when(ChangeProfile("first", "last")).then_nothing()
        given(USER)(REGISTERED, ProfileChanged("a", "b")).when(ChangeProfile("a")).then_nothing()

    def test_works_somewhere(self) -> None:
        given(USER)(REGISTERED).when(ChoosePlace(S, T)).then(PlaceChosen(S, T))
        given(USER)(REGISTERED, PlaceChosen(S, T)).when(ChoosePlace(S, T)).then_nothing()
        given(USER)(REGISTERED, PlaceChosen(S, T)).when(ChoosePlace(S, None)).then(PlaceChosen(S, None))

    def test_signs_in_once_per_session(self) -> None:
        given(USER)(REGISTERED).when(SignIn(S)).then(SignedIn(S))
        given(USER)(REGISTERED, SignedIn(S)).when(SignIn(S)).then_nothing()

    def test_signs_out_of_a_session_that_is_there(self) -> None:
        given(USER)(REGISTERED, SignedIn(S)).when(SignOut(S)).then(SignedOut(S))
        given(USER)(REGISTERED, SignedIn(S), SignedOut(S)).when(SignOut(S)).then_nothing()

    def test_revokes_a_session_that_is_there(self) -> None:
        given(USER)(REGISTERED, SignedIn(S)).when(RevokeSession(S)).then(SessionRevoked(S))
        given(USER)(REGISTERED, SignedIn(S), SessionRevoked(S)).when(RevokeSession(S)).then_nothing()

    def test_signs_out_everywhere_where_somebody_is_signed_in(self) -> None:
        given(USER)(REGISTERED, SignedIn(S), SignedIn(T)).when(SignOutEverywhere()).then(
            SignedOutEverywhere()
        )
        given(USER)(REGISTERED).when(SignOutEverywhere()).then_nothing()
        given(USER)(REGISTERED, SignedIn(S), SignedOutEverywhere()).when(SignOut(S)).then_nothing()

    def test_has_the_newest_sessions_and_a_snapshot_of_them(self) -> None:
        ids = [new_id() for _ in range(MOST_SESSIONS + 1)]
        state = USER.fold([REGISTERED, *map(SignedIn, ids)], USER.initial)
        assert isinstance(state, User)
        assert state.sessions == tuple(ids[1:])
        assert USER.snapshot is not None
        assert USER.snapshot.decode(USER.snapshot.encode(state).decode()) == state

    def test_a_new_password_ends_all_other_sessions(self) -> None:
        both = (REGISTERED, SignedIn(S), SignedIn(T))
        given(USER)(*both).when(ChangePassword("new", keep=S)).then(PasswordChanged("new", S))
        changed = (*both, PasswordChanged("new", S))
        given(USER)(*changed).when(SignOut(S)).then(SignedOut(S))
        given(USER)(*changed).when(SignOut(T)).then_nothing()

    def test_a_password_that_was_reset_ends_all_sessions(self) -> None:
        reset = (REGISTERED, SignedIn(S), PasswordChanged("new"))
        given(USER)(*reset).when(SignOut(S)).then_nothing()


class TestRefreshTokens:
    TOKEN = RefreshToken(new_id(), new_id(), new_id(), b"s" * 32)

    def test_come_back_from_their_text(self) -> None:
        assert RefreshToken.parse(str(self.TOKEN)) == self.TOKEN

    @pytest.mark.parametrize("text", ["", "igr_", "igr_!!!", "igr_AAAA", "é"])
    def test_what_is_none_is_none(self, text: str) -> None:
        assert RefreshToken.parse(text) is None

    @pytest.mark.parametrize(
        ("newest", "expired", "expected"),
        [
            (hashlib.sha256(b"s" * 32).digest(), False, "good"),
            (hashlib.sha256(b"t" * 32).digest(), False, "used"),
            (hashlib.sha256(b"s" * 32).digest(), True, "ended"),
            (None, False, "ended"),
        ],
    )
    def test_stand_as_their_family_does(
        self, newest: bytes | None, expired: bool, expected: Standing
    ) -> None:
        assert standing(self.TOKEN, newest, expired=expired) == expected
