"""What may be decided about a user; no I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

import msgspec
from common.eventsourcing.decider import Decider, DomainError, Snapshot
from common.eventsourcing.event import EventTypes

from gateway.users.events import (
    PasswordChanged,
    PlaceChosen,
    ProfileChanged,
    SessionRevoked,
    SignedIn,
    SignedOut,
    SignedOutEverywhere,
    Unknown,
    User,
    UserEvent,
    UserRegistered,
    UserState,
    evolve,
)


class UserMissing(DomainError):
    code, status = "NOT_FOUND", 404


@dataclass(frozen=True)
class RegisterUser:
    registration: UserRegistered


@dataclass(frozen=True)
class ChangeProfile:
    """None leaves a name as it is."""

    first_name_cipher: str | None = None
    last_name_cipher: str | None = None


@dataclass(frozen=True)
class ChoosePlace:
    """A site and one of its sectors, or None; who asks has made sure that the user sees them."""

    active_site: UUID | None
    active_sector: UUID | None


@dataclass(frozen=True)
class SignIn:
    session_id: UUID


@dataclass(frozen=True)
class SignOut:
    session_id: UUID


@dataclass(frozen=True)
class RevokeSession:
    session_id: UUID


@dataclass(frozen=True)
class SignOutEverywhere:
    pass


@dataclass(frozen=True)
class ChangePassword:
    """`keep` is the session that goes on; None ends all."""

    password_cipher: str
    keep: UUID | None = None


UserCommand = (
    RegisterUser
    | ChangeProfile
    | ChoosePlace
    | SignIn
    | SignOut
    | RevokeSession
    | SignOutEverywhere
    | ChangePassword
)


def decide(command: UserCommand, state: UserState) -> Sequence[UserEvent]:
    if isinstance(command, RegisterUser):
        return [command.registration] if isinstance(state, Unknown) else []
    if isinstance(state, Unknown):
        raise UserMissing("This user does not exist.")
    match command:
        case ChangeProfile(first, last):
            changed = ProfileChanged(
                state.first_name_cipher if first is None else first,
                state.last_name_cipher if last is None else last,
            )
            same = (changed.first_name_cipher, changed.last_name_cipher) == _names(state)
            return [] if same else [changed]
        case ChoosePlace(site_id, sector_id):
            same = (site_id, sector_id) == (state.active_site, state.active_sector)
            return [] if same else [PlaceChosen(site_id, sector_id)]
        case SignIn(session_id):
            return [] if session_id in state.sessions else [SignedIn(session_id)]
        case SignOut(session_id):
            return [SignedOut(session_id)] if session_id in state.sessions else []
        case RevokeSession(session_id):
            return [SessionRevoked(session_id)] if session_id in state.sessions else []
        case SignOutEverywhere():
            return [SignedOutEverywhere()] if state.sessions else []
        case ChangePassword(cipher, keep):
            return [PasswordChanged(cipher, keep)]
    assert_never(command)


def _names(user: User) -> tuple[str, str]:
    return user.first_name_cipher, user.last_name_cipher


USER: Decider[UserState, UserCommand] = Decider(
    category="user",
    initial=Unknown(),
    evolve=evolve,
    decide=decide,
    types=EventTypes(
        (
            UserRegistered,
            ProfileChanged,
            PlaceChosen,
            SignedIn,
            SessionRevoked,
            SignedOut,
            SignedOutEverywhere,
            PasswordChanged,
        )
    ),
    # The stream grows with every sign-in.
    snapshot=Snapshot("user.1", msgspec.json.encode, msgspec.json.Decoder(User).decode),
)
