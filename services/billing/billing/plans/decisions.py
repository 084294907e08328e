"""What may be decided about the plans; no I/O, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

import msgspec
from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes

from billing.plans.events import Plan, Plans, PlanWritten, evolve


class PlanMissing(DomainError):
    code, status = "NOT_FOUND", 404


class PlanSlugTaken(DomainError):
    code = "SLUG_TAKEN"


@dataclass(frozen=True)
class ShipPlans:
    """The plans that come with this version of the product; what staff have changed stays as they made it."""

    plans: Mapping[str, Plan]


@dataclass(frozen=True)
class AddPlan:
    slug: str
    plan: Plan


@dataclass(frozen=True)
class ChangePlan:
    """`changes` are fields of the plan, `limits` single limits of it; what neither names stays."""

    slug: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, int | None] = field(default_factory=dict)


PlanCommand = ShipPlans | AddPlan | ChangePlan


def decide(command: PlanCommand, plans: Plans) -> Sequence[PlanWritten]:
    match command:
        case ShipPlans(shipped):
            return [
                _written(slug, plan)
                for slug, plan in shipped.items()
                if (known := plans.by_slug.get(slug)) is None or (known.shipped and known != plan)
            ]
        case AddPlan(slug, plan):
            known = plans.by_slug.get(slug)
            if known == plan:
                return []
            if known is not None:
                raise PlanSlugTaken(f"There is a plan {slug!r} already; change that one.", slug=slug)
            return [_written(slug, plan)]
        case ChangePlan(slug, changes, limits):
            known = plans.by_slug.get(slug)
            if known is None:
                raise PlanMissing(f"There is no plan {slug!r}.")
            changed = replace(known, limits=msgspec.structs.replace(known.limits, **limits), **changes)
            return [] if changed == known else [_written(slug, replace(changed, shipped=False))]
    assert_never(command)


def _written(slug: str, plan: Plan) -> PlanWritten:
    return PlanWritten(slug=slug, **vars(plan))


PLANS: Decider[Plans, PlanCommand] = Decider(
    category="plans",
    initial=Plans(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((PlanWritten,)),
)
