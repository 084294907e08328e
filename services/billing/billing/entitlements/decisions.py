"""What may be decided about what an account may have; no I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from common.contracts.billing import Limits
from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes

from billing.entitlements.events import (
    Entitlements,
    EntitlementsChanged,
    EntitlementsState,
    Unlimited,
    evolve,
)


class PlanOutOfUse(DomainError):
    """Nobody is put on a plan that was taken out of use."""

    code = "INVALID_TRANSITION"


@dataclass(frozen=True)
class BeginTrial:
    """Of a new account; whoever has a plan already keeps it."""

    plan: str
    limits: Limits


@dataclass(frozen=True)
class PutOnPlan:
    plan: str
    limits: Limits
    in_use: bool = True


@dataclass(frozen=True)
class ApplyPlan:
    """The plan has changed: for an account that is still on it."""

    plan: str
    limits: Limits


EntitlementsCommand = BeginTrial | PutOnPlan | ApplyPlan


def decide(command: EntitlementsCommand, state: EntitlementsState) -> Sequence[EntitlementsChanged]:
    wanted = Entitlements(command.plan, command.limits)
    changed = [] if state == wanted else [EntitlementsChanged(plan=command.plan, limits=command.limits)]
    match command:
        case BeginTrial():
            return changed if isinstance(state, Unlimited) else []
        case ApplyPlan(plan):
            return changed if isinstance(state, Entitlements) and state.plan == plan else []
        case PutOnPlan(plan, in_use=in_use):
            if not in_use and not (isinstance(state, Entitlements) and state.plan == plan):
                raise PlanOutOfUse(
                    f"The plan {plan!r} is out of use. Choose another, or set its is_active first.", plan=plan
                )
            return changed
    assert_never(command)


ENTITLEMENTS: Decider[EntitlementsState, EntitlementsCommand] = Decider(
    category="entitlements",
    initial=Unlimited(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((EntitlementsChanged,)),
)
