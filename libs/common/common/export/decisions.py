"""What may be decided about a service's part of an export: it ends once; no I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from common.contracts.operations import ObjectRef
from common.eventsourcing.decider import Decider
from common.eventsourcing.event import EventTypes
from common.export.events import ExportPartGivenUp, ExportPartWritten, Part, PartEvent, evolve


@dataclass(frozen=True)
class FinishPart:
    export_id: UUID
    part: ObjectRef


@dataclass(frozen=True)
class GiveUpPart:
    export_id: UUID
    reason: str


PartCommand = FinishPart | GiveUpPart


def decide(command: PartCommand, part: Part) -> Sequence[PartEvent]:
    if part.ended:
        return []
    if isinstance(command, FinishPart):
        return [ExportPartWritten(command.export_id, command.part)]
    return [ExportPartGivenUp(command.export_id, command.reason)]


EXPORT_PART: Decider[Part, PartCommand] = Decider(
    category="exportpart",
    initial=Part(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((ExportPartWritten, ExportPartGivenUp)),
)
