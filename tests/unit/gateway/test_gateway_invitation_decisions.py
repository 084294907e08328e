"""The rules of an invitation."""

from datetime import UTC, datetime, timedelta

import pytest
from common.ids import new_id
from common.plan_limits import PlanLimitReached
from common.testing import given
from gateway.invitations.decisions import (
    INVITATION,
    AcceptInvitation,
    ChangeInvitation,
    InvitationClosed,
    InvitationCommand,
    InvitationMissing,
    Invite,
    ResendInvitation,
    RevokeInvitation,
)
from gateway.invitations.events import (
    InvitationAccepted,
    InvitationChanged,
    InvitationResent,
    InvitationRevoked,
    MemberInvited,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
END = NOW + timedelta(days=7)
SITE, USER = new_id(), new_id()
INVITED = MemberInvited("index", "cipher", "editor", (SITE,), END)
ACCEPT = AcceptInvitation(USER, 1, NOW)
RESENT = InvitationResent(2, END + timedelta(days=1))
OTHERS: list[InvitationCommand] = [
    ChangeInvitation("viewer"),
    ResendInvitation(END, NOW),
    RevokeInvitation(),
    ACCEPT,
]


class TestWhenNobodyIsInvited:
    def test_invites(self) -> None:
        given(INVITATION)().when(Invite(INVITED)).then(INVITED)

    def test_invites_as_many_as_the_plan_has_room_for(self) -> None:
        given(INVITATION)().when(Invite(INVITED, used=2, limit=3)).then(INVITED)
        given(INVITATION)().when(Invite(INVITED, used=3, limit=3)).then_refused(
            PlanLimitReached, of="users", used=3, limit=3
        )
        given(INVITATION)(INVITED).when(Invite(INVITED, used=3, limit=3)).then_nothing()

    @pytest.mark.parametrize("command", OTHERS)
    def test_nothing_else_is_possible(self, command: InvitationCommand) -> None:
        given(INVITATION)().when(command).then_refused(InvitationMissing)
        given(INVITATION)(RESENT).when(command).then_refused(InvitationMissing)


class TestWhenPending:
    def test_is_sent_once(self) -> None:
        given(INVITATION)(INVITED).when(Invite(INVITED)).then_nothing()

    def test_changes_only_the_named_fields(self) -> None:
        viewer = InvitationChanged("viewer", (SITE,))
        given(INVITATION)(INVITED).when(ChangeInvitation("viewer")).then(viewer)
        given(INVITATION)(INVITED, viewer).when(ChangeInvitation("viewer", (SITE,))).then_nothing()
        given(INVITATION)(INVITED).when(ChangeInvitation(site_ids=())).then(InvitationChanged("editor", ()))

    def test_is_revoked(self) -> None:
        given(INVITATION)(INVITED).when(RevokeInvitation()).then(InvitationRevoked())

    def test_is_accepted_until_it_ends(self) -> None:
        given(INVITATION)(INVITED).when(ACCEPT).then(InvitationAccepted(USER))
        given(INVITATION)(INVITED).when(AcceptInvitation(USER, 1, END)).then_refused(InvitationClosed)

    def test_is_accepted_by_its_newest_mail_alone(self) -> None:
        given(INVITATION)(INVITED).when(ResendInvitation(RESENT.expires_at, NOW)).then(RESENT)
        given(INVITATION)(INVITED, RESENT).when(ACCEPT).then_refused(InvitationClosed)
        late = AcceptInvitation(USER, 2, END)
        given(INVITATION)(INVITED, RESENT).when(late).then(InvitationAccepted(USER))

    def test_is_sent_again_after_its_end_where_the_plan_has_room(self) -> None:
        late = ResendInvitation(RESENT.expires_at, END, used=3, limit=3)
        given(INVITATION)(INVITED).when(late).then_refused(PlanLimitReached)
        open_still = ResendInvitation(RESENT.expires_at, NOW, used=3, limit=3)
        given(INVITATION)(INVITED).when(open_still).then(RESENT)


class TestWhenClosed:
    @pytest.mark.parametrize("command", OTHERS)
    def test_by_being_accepted_it_stays_so(self, command: InvitationCommand) -> None:
        closed = (INVITED, InvitationAccepted(USER))
        given(INVITATION)(*closed).when(command).then_refused(InvitationClosed)

    def test_by_being_revoked_it_stays_so(self) -> None:
        closed = (INVITED, InvitationRevoked())
        given(INVITATION)(*closed).when(ACCEPT).then_refused(InvitationClosed)
        given(INVITATION)(*closed).when(RevokeInvitation()).then_nothing()
        given(INVITATION)(*closed, RESENT).when(RevokeInvitation()).then_nothing()
