"""What may be decided about an export; no I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from common.contracts.base import SERVICES
from common.contracts.operations import ObjectRef
from common.eventsourcing.decider import Decider
from common.eventsourcing.event import EventTypes

from gateway.exports.events import (
    Export,
    ExportCompleted,
    ExportEvent,
    ExportExpired,
    ExportFailed,
    ExportPartAdded,
    ExportRequested,
    ExportState,
    NotRequested,
    evolve,
)


@dataclass(frozen=True)
class RequestExport:
    export_id: UUID
    expires_at: str


@dataclass(frozen=True)
class AddPart:
    service: str
    part: ObjectRef


@dataclass(frozen=True)
class FailExport:
    """A service could not write its part."""

    service: str
    reason: str


@dataclass(frozen=True)
class ExpireExport:
    """Its parts have been removed."""


ExportCommand = RequestExport | AddPart | FailExport | ExpireExport


def decide(command: ExportCommand, state: ExportState) -> Sequence[ExportEvent]:
    if isinstance(command, RequestExport):
        known = not isinstance(state, NotRequested)
        return [] if known else [ExportRequested(command.export_id, command.expires_at)]
    if isinstance(state, NotRequested) or state.status == "expired":
        return []
    match command:
        case ExpireExport():
            return [ExportExpired()]
        case AddPart(service, part):
            return _add(service, part, state)
        case FailExport(service, reason):
            return [ExportFailed(service, reason)] if state.status == "running" else []
    assert_never(command)


def _add(service: str, part: ObjectRef, export: Export) -> Sequence[ExportEvent]:
    """Also to one that failed: what was written has to be removed one day."""
    if service in export.parts:
        return []
    added = ExportPartAdded(service, part)
    complete = export.status == "running" and {*export.parts, service} == set(SERVICES)
    return [added, ExportCompleted()] if complete else [added]


EXPORT: Decider[ExportState, ExportCommand] = Decider(
    category="export",
    initial=NotRequested(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((ExportRequested, ExportPartAdded, ExportCompleted, ExportFailed, ExportExpired)),
)
