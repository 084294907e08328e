"""A service's part of an export ends once: written, or given up."""

from common.contracts.export import ExportPartFailed, ExportPartReady
from common.contracts.operations import ObjectRef
from common.export.decisions import EXPORT_PART, FinishPart, GiveUpPart
from common.export.events import ExportPartGivenUp, ExportPartWritten
from common.export.publish import publish_part
from common.ids import new_id
from common.testing import given

ID = new_id()
PART = ObjectRef(sha256="0" * 64, size=3, media_type="application/jsonl")
WRITTEN, GIVEN_UP = ExportPartWritten(ID, PART), ExportPartGivenUp(ID, "It ended.")


def test_ends_once() -> None:
    given(EXPORT_PART)().when(FinishPart(ID, PART)).then(WRITTEN)
    given(EXPORT_PART)().when(GiveUpPart(ID, "It ended.")).then(GIVEN_UP)
    for ended in (WRITTEN, GIVEN_UP):
        given(EXPORT_PART)(ended).when(FinishPart(ID, PART)).then_nothing()
        given(EXPORT_PART)(ended).when(GiveUpPart(ID, "again")).then_nothing()


def test_is_said_in_public() -> None:
    assert publish_part(WRITTEN) == ExportPartReady(export_id=ID, part=PART)
    assert publish_part(GIVEN_UP) == ExportPartFailed(export_id=ID, reason="It ended.")
