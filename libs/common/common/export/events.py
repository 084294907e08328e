"""What can happen to a service's part of an export."""

from dataclasses import dataclass
from uuid import UUID

from common.contracts.operations import ObjectRef
from common.eventsourcing.event import Event


class ExportPartWritten(Event, frozen=True):
    export_id: UUID
    part: ObjectRef


class ExportPartGivenUp(Event, frozen=True):
    export_id: UUID
    reason: str


PartEvent = ExportPartWritten | ExportPartGivenUp


@dataclass(frozen=True)
class Part:
    """`ended`: it was written or given up; it is not begun again."""

    ended: bool = False


def evolve(_part: Part, _event: PartEvent) -> Part:
    return Part(ended=True)
