"""Each kind of notification: when it comes, who sees it, whether it is mailed unless somebody says otherwise, and its words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from common.auth.permissions import Permission
from common.contracts.billing import CreditsDeducted, CreditsExpired, CreditsRefused, LimitReached
from common.contracts.gateway import MembershipChanged
from common.contracts.operations import REFUSALS, AIOperationFailed, Millicredits
from common.contracts.planner import PipelineRunFinished
from common.contracts.publisher import PublishFailed
from common.plan_limits import explain

from gateway.notifications.events import Channels, Kind

LOW_CREDITS: Millicredits = 10_000
"""Ten articles of 500 words, by the default rate card."""


@dataclass(frozen=True, slots=True)
class KindOf:
    """`permission`: who has it in the account is told. `mailed` unless a preference says otherwise."""

    meaning: str
    permission: Permission
    mailed: bool = False

    @property
    def channels(self) -> Channels:
        return Channels(in_app=True, email=self.mailed)


KINDS: Mapping[Kind, KindOf] = {
    "run_completed": KindOf("A pipeline run has completed", "read"),
    "run_failed": KindOf("A pipeline run has failed", "read", mailed=True),
    "operation_failed": KindOf("An AI operation has failed", "read"),
    "credits_low": KindOf("Credits are running low", "manage", mailed=True),
    "credits_refused": KindOf("There were not enough credits for an operation", "manage"),
    "plan_limit_reached": KindOf("The plan has no room this month for an operation", "manage"),
    "publishing_failed": KindOf("An article could not be published", "read"),
    "member_changed": KindOf("Somebody has joined, or has another role", "manage"),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification; `task_id` is the operation or run it is about, `member_id` the member.

    `once_for`: however many events tell of it, it is one, as the newest of them says it; None: each event tells of another.
    """

    kind: Kind
    message: str
    site_id: UUID | None = None
    task_id: UUID | None = None
    content_id: UUID | None = None
    member_id: UUID | None = None
    once_for: UUID | None = None


CONTRACTS = (
    PipelineRunFinished,
    AIOperationFailed,
    CreditsDeducted,
    CreditsExpired,
    CreditsRefused,
    PublishFailed,
    MembershipChanged,
)


def notice_of(said: Any) -> Notice | None:
    """What members are told when they are told of an event: follows from that event alone."""
    match said:
        case PipelineRunFinished(run_id=run, outcome="completed"):
            return Notice("run_completed", "The pipeline run has completed.", task_id=run)
        case PipelineRunFinished(run_id=run, reason=reason):
            return Notice(
                "run_failed", f"The pipeline run has failed: {reason or 'no reason is known'}", task_id=run
            )
        case AIOperationFailed(operation_id=id, run_id=None) if said.error_code not in REFUSALS:
            of = "" if said.item_id is None else " for an item"
            message = f"{said.function} has failed{of}: {said.message}"
            return Notice("operation_failed", message, task_id=id, once_for=id)
        case (
            CreditsDeducted(amount=amount, balance=balance) | CreditsExpired(amount=amount, balance=balance)
        ) if balance < LOW_CREDITS <= balance + amount:
            return Notice("credits_low", f"{_credits(balance)} credits are left.")
        case CreditsRefused(reached=LimitReached() as reached):
            return Notice("plan_limit_reached", explain(reached), task_id=said.operation_id)
        case CreditsRefused(needed=needed, available=available):
            message = (
                f"An operation needs {_credits(needed)} credits, and {_credits(available)} are available."
            )
            return Notice("credits_refused", message, task_id=said.operation_id)
        case PublishFailed(site_id=site, content_id=content):
            message = f"An article could not be published: {said.message}"
            return Notice("publishing_failed", message, site_id=site, content_id=content)
        case MembershipChanged(user_id=member, active=True, role=role):
            return Notice("member_changed", f"A member has the role {role}.", member_id=member)
        case MembershipChanged(user_id=member):
            return Notice("member_changed", "A member has left the account.", member_id=member)
    return None


def _credits(amount: Millicredits) -> str:
    return f"{amount / 1000:g}"
