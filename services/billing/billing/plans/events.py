"""What can happen to the plans, and what is then true. One stream, of the system account."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from common.contracts.billing import Limits
from common.contracts.operations import Millicredits
from common.eventsourcing.event import Event


class PlanWritten(Event, frozen=True, kw_only=True):
    """A new plan or a changed one, as a whole. `shipped`: it came with the product, and staff have not touched it."""

    slug: str
    name: str
    credits_per_month: Millicredits
    included_credits: Millicredits | None
    limits: Limits
    is_active: bool
    shipped: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`included_credits` count in place of `credits_per_month` where they are given (PRODUCT §4)."""

    name: str
    credits_per_month: Millicredits
    included_credits: Millicredits | None = None
    limits: Limits
    is_active: bool = True
    shipped: bool = False


@dataclass(frozen=True)
class Plans:
    by_slug: Mapping[str, Plan] = field(default_factory=dict)


def evolve(plans: Plans, event: PlanWritten) -> Plans:
    plan = Plan(
        name=event.name,
        credits_per_month=event.credits_per_month,
        included_credits=event.included_credits,
        limits=event.limits,
        is_active=event.is_active,
        shipped=event.shipped,
    )
    return Plans({**plans.by_slug, event.slug: plan})
