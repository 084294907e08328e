"""What can happen to an uploaded keyword file."""

from dataclasses import dataclass
from uuid import UUID

import msgspec
from common.contracts.operations import ObjectRef
from common.eventsourcing.event import Event


class RowFault(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was not imported; `line` from 1, `column` the file's own header or None for the whole row."""

    line: int
    column: str | None
    value: str
    reason: str


class ImportResult(msgspec.Struct, frozen=True, kw_only=True):
    """`read` = `new` + `duplicates` + `failed`; `errors` holds the first 1,000."""

    read: int
    new: int
    duplicates: int
    failed: int
    errors: tuple[RowFault, ...]
    warnings: tuple[str, ...] = ()


class ImportAccepted(Event, frozen=True):
    site_id: UUID
    sector_id: UUID
    filename: str
    file: ObjectRef


class ImportFinished(Event, frozen=True):
    result: ImportResult


class ImportFailed(Event, frozen=True):
    reason: str


ImportEvent = ImportAccepted | ImportFinished | ImportFailed


@dataclass(frozen=True)
class NoImport:
    """Nothing was uploaded."""


@dataclass(frozen=True)
class Import:
    accepted: ImportAccepted
    ended: bool = False


ImportState = NoImport | Import


def evolve(state: ImportState, event: ImportEvent) -> ImportState:
    if isinstance(event, ImportAccepted):
        return Import(event)
    return state if isinstance(state, NoImport) else Import(state.accepted, ended=True)
