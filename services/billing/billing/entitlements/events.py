"""What can happen to what an account may have, and what is then true."""

from dataclasses import dataclass

from common.contracts.billing import Limits
from common.eventsourcing.event import Event


class EntitlementsChanged(Event, frozen=True, kw_only=True):
    """`chosen`: the account was put on the plan. Else its trial begins, or the plan has changed."""

    plan: str
    limits: Limits
    chosen: bool = False


@dataclass(frozen=True)
class Unlimited:
    """Nobody has put it on a plan: an account from before there were plans."""


@dataclass(frozen=True)
class Entitlements:
    """`chosen` once it was put on a plan: until then its trial runs."""

    plan: str
    limits: Limits
    chosen: bool = False


EntitlementsState = Unlimited | Entitlements


def evolve(state: EntitlementsState, event: EntitlementsChanged) -> EntitlementsState:
    chosen = event.chosen or (isinstance(state, Entitlements) and state.chosen)
    return Entitlements(event.plan, event.limits, chosen)
