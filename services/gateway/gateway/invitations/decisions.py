"""What may be decided about an invitation; no I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never
from uuid import UUID

from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes
from common.plan_limits import require_room

from gateway.invitations.events import (
    Closed,
    InvitationAccepted,
    InvitationChanged,
    InvitationEvent,
    InvitationResent,
    InvitationRevoked,
    InvitationState,
    InvitedRole,
    MemberInvited,
    Unsent,
    evolve,
)


class InvitationMissing(DomainError):
    code, status = "NOT_FOUND", 404


class InvitationClosed(DomainError):
    """It has been accepted, revoked, sent anew or has ended."""

    code = "INVITATION_CLOSED"


@dataclass(frozen=True)
class Invite:
    """`used` users and open invitations are there, of which the account may have `limit` (None: any number)."""

    invitation: MemberInvited
    used: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class ChangeInvitation:
    """None leaves a field as it is."""

    role: InvitedRole | None = None
    site_ids: tuple[UUID, ...] | None = None


@dataclass(frozen=True)
class ResendInvitation:
    """At `now`; one that had ended is open again, and counts as `Invite` says."""

    expires_at: datetime
    now: datetime
    used: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class RevokeInvitation:
    pass


@dataclass(frozen=True)
class AcceptInvitation:
    """`sending` is that of the mail whose link was followed."""

    user_id: UUID
    sending: int
    now: datetime


InvitationCommand = Invite | ChangeInvitation | ResendInvitation | RevokeInvitation | AcceptInvitation


def decide(command: InvitationCommand, state: InvitationState) -> Sequence[InvitationEvent]:
    if isinstance(command, Invite):
        if not isinstance(state, Unsent):
            return []
        require_room("users", command.limit, command.used)
        return [command.invitation]
    if isinstance(state, Unsent):
        raise InvitationMissing("This invitation does not exist or is not yours.")
    if isinstance(state, Closed):
        if isinstance(command, RevokeInvitation) and state.outcome == "revoked":
            return []
        raise InvitationClosed(f"This invitation has been {state.outcome}.")
    match command:
        case ChangeInvitation(role, site_ids):
            changed = InvitationChanged(
                state.role if role is None else role, state.site_ids if site_ids is None else site_ids
            )
            same = (changed.role, changed.site_ids) == (state.role, state.site_ids)
            return [] if same else [changed]
        case ResendInvitation(expires_at, now):
            if now >= state.expires_at:
                require_room("users", command.limit, command.used)
            return [InvitationResent(state.sending + 1, expires_at)]
        case RevokeInvitation():
            return [InvitationRevoked()]
        case AcceptInvitation(user_id, sending, now):
            if sending != state.sending:
                raise InvitationClosed("This invitation was sent anew; use the link of the newest e-mail.")
            if now >= state.expires_at:
                raise InvitationClosed("This invitation has ended. Ask for it to be sent again.")
            return [InvitationAccepted(user_id)]
    assert_never(command)


INVITATION: Decider[InvitationState, InvitationCommand] = Decider(
    category="invitation",
    initial=Unsent(),
    evolve=evolve,
    decide=decide,
    types=EventTypes(
        (MemberInvited, InvitationChanged, InvitationResent, InvitationRevoked, InvitationAccepted)
    ),
)
