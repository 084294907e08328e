"""What can happen to a member of staff. Facts of the system account; ids only."""

from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from common.eventsourcing.event import Event


class StaffAdded(Event, frozen=True):
    user_id: UUID
    home_id: UUID
    """The account the user signs in to."""


class StaffRemoved(Event, frozen=True):
    user_id: UUID


StaffEvent = StaffAdded | StaffRemoved


@dataclass(frozen=True)
class Staff:
    active: bool = False


def evolve(state: Staff, event: StaffEvent) -> Staff:
    match event:
        case StaffAdded():
            return Staff(active=True)
        case StaffRemoved():
            return Staff()
    assert_never(event)
