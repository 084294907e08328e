"""What can happen to what an account may have, and what is then true."""

from dataclasses import dataclass

from common.contracts.billing import Limits
from common.eventsourcing.event import Event


class EntitlementsChanged(Event, frozen=True, kw_only=True):
    plan: str
    limits: Limits


@dataclass(frozen=True)
class Unlimited:
    """Nobody has put it on a plan: an account from before there were plans."""


@dataclass(frozen=True)
class Entitlements:
    plan: str
    limits: Limits


EntitlementsState = Unlimited | Entitlements


def evolve(state: EntitlementsState, event: EntitlementsChanged) -> EntitlementsState:
    return Entitlements(event.plan, event.limits)
