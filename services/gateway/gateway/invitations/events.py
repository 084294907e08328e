"""What can happen to an invitation, and what is then true. The e-mail is encrypted (`…_cipher`)."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, assert_never
from uuid import UUID

from common.eventsourcing.event import Event

InvitedRole = Literal["editor", "viewer", "admin"]


class MemberInvited(Event, frozen=True):
    email_index: str
    """Blind index of the e-mail in hexadecimals: equal e-mails, equal index."""
    email_cipher: str
    role: InvitedRole
    site_ids: tuple[UUID, ...]
    expires_at: datetime
    invited_by: UUID | None = None


class InvitationChanged(Event, frozen=True):
    role: InvitedRole
    site_ids: tuple[UUID, ...]


class InvitationResent(Event, frozen=True):
    sending: int
    """Counts from 2; the links of earlier mails end."""
    expires_at: datetime


class InvitationRevoked(Event, frozen=True):
    pass


class InvitationAccepted(Event, frozen=True):
    user_id: UUID


InvitationEvent = (
    MemberInvited | InvitationChanged | InvitationResent | InvitationRevoked | InvitationAccepted
)


@dataclass(frozen=True)
class Unsent:
    """Nobody has been invited."""


@dataclass(frozen=True)
class Pending:
    role: InvitedRole
    site_ids: tuple[UUID, ...]
    expires_at: datetime
    sending: int = 1


@dataclass(frozen=True)
class Closed:
    outcome: Literal["accepted", "revoked"]


InvitationState = Unsent | Pending | Closed


def evolve(state: InvitationState, event: InvitationEvent) -> InvitationState:
    if isinstance(event, MemberInvited):
        return Pending(event.role, event.site_ids, event.expires_at)
    if not isinstance(state, Pending):
        return state
    match event:
        case InvitationChanged(role, site_ids):
            return replace(state, role=role, site_ids=site_ids)
        case InvitationResent(sending, expires_at):
            return replace(state, sending=sending, expires_at=expires_at)
        case InvitationRevoked():
            return Closed("revoked")
        case InvitationAccepted():
            return Closed("accepted")
    assert_never(event)
