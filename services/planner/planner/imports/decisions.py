"""What may be decided about an import; each command answers `[]` when it comes again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes

from planner.imports.events import (
    ImportAccepted,
    ImportEvent,
    ImportFailed,
    ImportFinished,
    ImportResult,
    ImportState,
    NoImport,
    evolve,
)


class ImportUnknown(DomainError):
    """Nothing was uploaded under that id."""

    code = "NOT_FOUND"
    status = 404


@dataclass(frozen=True)
class AcceptImport:
    accepted: ImportAccepted


@dataclass(frozen=True)
class FinishImport:
    result: ImportResult


@dataclass(frozen=True)
class FailImport:
    reason: str


ImportCommand = AcceptImport | FinishImport | FailImport


def decide(command: ImportCommand, state: ImportState) -> Sequence[ImportEvent]:
    if isinstance(command, AcceptImport):
        return [command.accepted] if isinstance(state, NoImport) else []
    if isinstance(state, NoImport):
        raise ImportUnknown("This import does not exist or is not yours.")
    if state.ended:
        return []
    match command:
        case FinishImport(result):
            return [ImportFinished(result)]
        case FailImport(reason):
            return [ImportFailed(reason)]
    assert_never(command)


IMPORT: Decider[ImportState, ImportCommand] = Decider(
    category="import",
    initial=NoImport(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((ImportAccepted, ImportFinished, ImportFailed)),
)
