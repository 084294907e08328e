"""The rules of a user's notifications, and what is told of which event."""

from typing import Any

import pytest
from common.contracts.billing import CreditsDeducted, CreditsExpired, CreditsRefused, LimitReached
from common.contracts.gateway import MembershipChanged
from common.contracts.operations import AIOperationFailed
from common.contracts.planner import PipelineRunFinished
from common.contracts.publisher import PublishFailed
from common.ids import new_id
from common.testing import given
from gateway.notifications.decisions import NOTICES, MarkRead, SetWanted
from gateway.notifications.events import Channels, Notices, NotificationsRead, NotificationsWanted
from gateway.notifications.kinds import LOW_CREDITS, Notice, notice_of

USER, ONE, SITE = new_id(), new_id(), new_id()
BOTH, NEITHER = Channels(in_app=True, email=True), Channels(in_app=False, email=False)
WANTED = NotificationsWanted(USER, "run_failed", in_app=True, email=True)


class TestReading:
    def test_is_recorded_once(self) -> None:
        given(NOTICES)().when(MarkRead(USER, (ONE,))).then(NotificationsRead(USER, (ONE,)))
        given(NOTICES)(NotificationsRead(USER, (ONE,))).when(MarkRead(USER, ())).then_nothing()


class TestPreferences:
    def test_are_recorded_where_they_differ(self) -> None:
        given(NOTICES)().when(SetWanted(USER, {"run_failed": BOTH})).then(WANTED)
        command = SetWanted(USER, {"run_failed": BOTH, "run_completed": NEITHER})
        completed = NotificationsWanted(USER, "run_completed", in_app=False, email=False)
        given(NOTICES)(WANTED).when(command).then(completed)
        given(NOTICES)(WANTED, completed).when(command).then_nothing()

    def test_are_kept_in_a_snapshot(self) -> None:
        assert NOTICES.snapshot is not None
        state = NOTICES.fold([WANTED, NotificationsRead(USER, (ONE,))])
        assert state == Notices({"run_failed": BOTH})
        assert NOTICES.snapshot.decode(NOTICES.snapshot.encode(state).decode()) == state


REACHED = LimitReached(of="images", used=19, asked=2, limit=20)


def charged(amount: int, balance: int) -> CreditsDeducted:
    return CreditsDeducted(
        operation_id=ONE,
        item_id=ONE,
        function="generate_ideas",
        amount=amount,
        balance=balance,
        available=balance,
    )


def expired(amount: int, balance: int) -> CreditsExpired:
    return CreditsExpired(grant_id=ONE, amount=amount, balance=balance, available=balance)


def failed(**changed: Any) -> AIOperationFailed:
    fields = {"item_id": None, "error_code": "AI_TIMEOUT", "message": "slow", **changed}
    return AIOperationFailed(operation_id=ONE, function="auto_cluster", **fields)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            PipelineRunFinished(run_id=ONE, outcome="completed"),
            Notice("run_completed", "The pipeline run has completed.", task_id=ONE),
        ),
        (
            PipelineRunFinished(run_id=ONE, outcome="failed", reason="Too much failed."),
            Notice("run_failed", "The pipeline run has failed: Too much failed.", task_id=ONE),
        ),
        (failed(), Notice("operation_failed", "auto_cluster has failed: slow", task_id=ONE, once_for=ONE)),
        (
            failed(item_id=SITE),
            Notice(
                "operation_failed", "auto_cluster has failed for an item: slow", task_id=ONE, once_for=ONE
            ),
        ),
        (failed(item_id=SITE, run_id=ONE), None),
        (failed(run_id=ONE), None),
        (failed(error_code="INSUFFICIENT_CREDITS"), None),
        (failed(error_code="PLAN_LIMIT_REACHED"), None),
        (charged(1, LOW_CREDITS - 1), Notice("credits_low", "9.999 credits are left.")),
        (charged(1, LOW_CREDITS), None),
        (charged(1, LOW_CREDITS - 2), None),
        (charged(0, LOW_CREDITS - 1), None),
        (expired(1, LOW_CREDITS - 1), Notice("credits_low", "9.999 credits are left.")),
        (expired(1, LOW_CREDITS), None),
        (
            CreditsRefused(operation_id=ONE, needed=2_500, available=500),
            Notice(
                "credits_refused",
                "An operation needs 2.5 credits, and 0.5 are available.",
                task_id=ONE,
            ),
        ),
        (
            CreditsRefused(operation_id=ONE, needed=2_500, available=9_000, reached=REACHED),
            Notice(
                "plan_limit_reached",
                "The plan allows 20 images a month, 19 are used or being made; up to 2 more would be too many."
                " Wait for the next month, or choose a larger plan.",
                task_id=ONE,
            ),
        ),
        (
            PublishFailed(content_id=ONE, version=1, site_id=SITE, error_code="X", message="No right."),
            Notice(
                "publishing_failed",
                "An article could not be published: No right.",
                site_id=SITE,
                content_id=ONE,
            ),
        ),
        (
            MembershipChanged(user_id=USER, role="editor"),
            Notice("member_changed", "A member has the role editor.", member_id=USER),
        ),
        (
            MembershipChanged(user_id=USER, role="editor", active=False),
            Notice("member_changed", "A member has left the account.", member_id=USER),
        ),
    ],
)
def test_an_event_is_told_in_words_or_not_at_all(said: Any, told: Notice | None) -> None:
    assert notice_of(said) == told
