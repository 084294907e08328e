"""What may be decided about a member of staff; no I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from common.eventsourcing.decider import Decider
from common.eventsourcing.event import EventTypes

from gateway.staff.events import Staff, StaffAdded, StaffEvent, StaffRemoved, evolve


@dataclass(frozen=True)
class AddStaff:
    user_id: UUID
    home_id: UUID


@dataclass(frozen=True)
class RemoveStaff:
    user_id: UUID


StaffCommand = AddStaff | RemoveStaff


def decide(command: StaffCommand, state: Staff) -> Sequence[StaffEvent]:
    match command:
        case AddStaff(user_id, home_id):
            return [] if state.active else [StaffAdded(user_id, home_id)]
        case RemoveStaff(user_id):
            return [StaffRemoved(user_id)] if state.active else []
    assert_never(command)


STAFF: Decider[Staff, StaffCommand] = Decider(
    category="staff",
    initial=Staff(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((StaffAdded, StaffRemoved)),
)
