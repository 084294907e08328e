"""What can happen to an export, and what is then true."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, assert_never
from uuid import UUID

from common.contracts.operations import ObjectRef
from common.eventsourcing.event import Event

Status = Literal["running", "completed", "failed", "expired"]


class ExportRequested(Event, frozen=True):
    export_id: UUID
    expires_at: str
    """RFC 3339, UTC: what was written is removed then."""


class ExportPartAdded(Event, frozen=True):
    service: str
    part: ObjectRef


class ExportCompleted(Event, frozen=True):
    """All parts are there."""


class ExportFailed(Event, frozen=True):
    service: str
    reason: str


class ExportExpired(Event, frozen=True):
    """Its parts are gone."""


ExportEvent = ExportRequested | ExportPartAdded | ExportCompleted | ExportFailed | ExportExpired


@dataclass(frozen=True)
class NotRequested:
    """Nobody has asked for it."""


@dataclass(frozen=True)
class Export:
    status: Status = "running"
    parts: Mapping[str, ObjectRef] = field(default_factory=dict)


ExportState = NotRequested | Export


def evolve(state: ExportState, event: ExportEvent) -> ExportState:
    if isinstance(event, ExportRequested):
        return Export()
    if isinstance(state, NotRequested):
        return state
    match event:
        case ExportPartAdded(service, part):
            return replace(state, parts={**state.parts, service: part})
        case ExportCompleted():
            return replace(state, status="completed")
        case ExportFailed():
            return replace(state, status="failed")
        case ExportExpired():
            return replace(state, status="expired")
    assert_never(event)
