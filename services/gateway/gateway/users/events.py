"""What can happen to a user, and what is then true. Personal data and the password's hash are encrypted (`…_cipher`)."""

from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID

from common.contracts.gateway import Role
from common.eventsourcing.event import Event

MOST_SESSIONS = 100
"""Of one user; with one more the oldest ends. People have some devices, and programs have API keys."""


class UserRegistered(Event, frozen=True):
    user_id: UUID
    email_index: str
    """Blind index of the e-mail in hexadecimals: equal e-mails, equal index."""
    email_cipher: str
    password_cipher: str
    role: Role
    first_name_cipher: str = ""
    last_name_cipher: str = ""


class ProfileChanged(Event, frozen=True):
    first_name_cipher: str
    last_name_cipher: str


class PlaceChosen(Event, frozen=True):
    """Where this user works now; what a new thing belongs to when nothing else says so."""

    active_site: UUID | None
    active_sector: UUID | None


class SignedIn(Event, frozen=True):
    session_id: UUID


class SessionRevoked(Event, frozen=True):
    """Somebody used a refresh token twice: it may be stolen, and the whole family ends."""

    session_id: UUID


class SignedOut(Event, frozen=True):
    session_id: UUID


class SignedOutEverywhere(Event, frozen=True):
    pass


class PasswordChanged(Event, frozen=True):
    password_cipher: str
    kept_session_id: UUID | None = None
    """The session it was changed in; all others end. None where it was reset by e-mail."""


UserEvent = (
    UserRegistered
    | ProfileChanged
    | PlaceChosen
    | SignedIn
    | SessionRevoked
    | SignedOut
    | SignedOutEverywhere
    | PasswordChanged
)


@dataclass(frozen=True)
class Unknown:
    """Nobody has registered."""


@dataclass(frozen=True)
class User:
    """`sessions` are those signed in and neither signed out nor revoked, the newest last; some may have run out."""

    role: Role
    first_name_cipher: str
    last_name_cipher: str
    sessions: tuple[UUID, ...] = ()
    active_site: UUID | None = None
    active_sector: UUID | None = None


UserState = Unknown | User


def evolve(state: UserState, event: UserEvent) -> UserState:
    if isinstance(event, UserRegistered):
        return User(event.role, event.first_name_cipher, event.last_name_cipher)
    if isinstance(state, Unknown):
        return state
    match event:
        case ProfileChanged(first, last):
            return replace(state, first_name_cipher=first, last_name_cipher=last)
        case PlaceChosen(site_id, sector_id):
            return replace(state, active_site=site_id, active_sector=sector_id)
        case SignedIn(session_id):
            return replace(state, sessions=(*state.sessions, session_id)[-MOST_SESSIONS:])
        case SessionRevoked(session_id) | SignedOut(session_id):
            return replace(state, sessions=tuple(id for id in state.sessions if id != session_id))
        case SignedOutEverywhere():
            return replace(state, sessions=())
        case PasswordChanged(_, kept):
            return replace(state, sessions=tuple(id for id in state.sessions if id == kept))
    assert_never(event)
