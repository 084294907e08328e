"""The rules of an export: it is complete when all services have said so."""

from common.contracts.base import SERVICES
from common.contracts.operations import ObjectRef
from common.ids import new_id
from common.testing import given
from gateway.app import MODEL
from gateway.exports.decisions import EXPORT, AddPart, ExpireExport, FailExport, RequestExport
from gateway.exports.events import (
    ExportCompleted,
    ExportExpired,
    ExportFailed,
    ExportPartAdded,
    ExportRequested,
)
from gateway.exports.shown import EXPORTED

ID = new_id()
ENDS = "2026-12-05T00:00:00+00:00"
REQUESTED = ExportRequested(ID, ENDS)
PART = ObjectRef(sha256="0" * 64, size=3, media_type="application/jsonl")
ADDED = [ExportPartAdded(service, PART) for service in SERVICES]


def test_is_asked_for_once() -> None:
    given(EXPORT)().when(RequestExport(ID, ENDS)).then(REQUESTED)
    given(EXPORT)(REQUESTED).when(RequestExport(ID, ENDS)).then_nothing()


def test_nothing_happens_to_one_that_nobody_asked_for() -> None:
    for command in (AddPart("planner", PART), FailExport("planner", "full"), ExpireExport()):
        given(EXPORT)().when(command).then_nothing()
    given(EXPORT)(ADDED[0]).when(RequestExport(ID, ENDS)).then(REQUESTED)


def test_is_complete_with_the_last_part_whichever_it_is() -> None:
    for last in ADDED:
        others = [part for part in ADDED if part is not last]
        given(EXPORT)(REQUESTED, *others[:-1]).when(AddPart(others[-1].service, PART)).then(others[-1])
        given(EXPORT)(REQUESTED, *others).when(AddPart(last.service, PART)).then(last, ExportCompleted())


def test_a_part_that_is_said_again_is_known() -> None:
    given(EXPORT)(REQUESTED, ADDED[0]).when(AddPart(ADDED[0].service, PART)).then_nothing()
    given(EXPORT)(REQUESTED, *ADDED, ExportCompleted()).when(AddPart(ADDED[0].service, PART)).then_nothing()


def test_fails_with_one_of_its_parts_and_stays_so() -> None:
    failed = ExportFailed("writer", "full")
    given(EXPORT)(REQUESTED).when(FailExport("writer", "full")).then(failed)
    given(EXPORT)(REQUESTED, failed).when(FailExport("planner", "full")).then_nothing()
    given(EXPORT)(REQUESTED, failed, *ADDED[:-1]).when(AddPart(ADDED[-1].service, PART)).then(ADDED[-1])


def test_ends_once_however_it_stands() -> None:
    for facts in ([REQUESTED], [REQUESTED, ExportFailed("writer", "full")], [REQUESTED, ExportCompleted()]):
        given(EXPORT)(*facts).when(ExpireExport()).then(ExportExpired())
        given(EXPORT)(*facts, ExportExpired()).when(ExpireExport()).then_nothing()
        given(EXPORT)(*facts, ExportExpired()).when(AddPart("writer", PART)).then_nothing()


LEFT_OUT = {
    "api_key_hashes": "signs callers in",
    "staff": "of the system account",
    "notification_reads": "who has seen what: nothing of its own",
    "exports": "of themselves",
    "overview_entries": "what the services' own parts hold",
    "overview_counts": "counted from those",
    "overview_activity": "told of those",
    "overview_positions": "how far that was heard",
    "overview_spellings": "words of those",
}


def test_every_view_of_the_gateway_is_exported_or_left_out_for_a_reason() -> None:
    views = {table.name for each in MODEL.projections for table in each.tables if "account_id" in table.c}
    exported = {table.name for table in EXPORTED.tables}
    assert views - exported == set(LEFT_OUT)
    assert exported - views == {"audit_entries", "notifications"}
