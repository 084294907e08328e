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
    """Also of a trial that has run on this plan: it ends."""

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
    match command:
        case BeginTrial(plan, limits):
            return [EntitlementsChanged(plan=plan, limits=limits)] if isinstance(state, Unlimited) else []
        case ApplyPlan(plan, limits):
            behind = isinstance(state, Entitlements) and state.plan == plan and state.limits != limits
            return [EntitlementsChanged(plan=plan, limits=limits)] if behind else []
        case PutOnPlan(plan, limits, in_use):
            if not in_use and not (isinstance(state, Entitlements) and state.plan == plan):
                raise PlanOutOfUse(
                    f"The plan {plan!r} is out of use. Choose another, or set its is_active first.", plan=plan
                )
            if state == Entitlements(plan, limits, chosen=True):
                return []
            return [EntitlementsChanged(plan=plan, limits=limits, chosen=True)]
    assert_never(command)


ENTITLEMENTS: Decider[EntitlementsState, EntitlementsCommand] = Decider(
    category="entitlements",
    initial=Unlimited(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((EntitlementsChanged,)),
)
