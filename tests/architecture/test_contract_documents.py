"""What is committed about the published language is what the registry says, and is valid in its own format."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import jsonschema
import msgspec
import pytest
from common.contracts import ContractSpec, all_specs
from common.contracts import documents as generator
from common.contracts.control import CatchUpRequested
from common.eventsourcing.event import Event, Meta, Recorded
from common.messaging.envelope import headers_of

REPOSITORY = Path(__file__).resolve().parents[2]


class Happened(Event, frozen=True):
    """Any stored fact."""


def asyncapi() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((REPOSITORY / generator.ASYNCAPI).read_text())
    return document


def test_committed_documents_are_what_the_registry_says() -> None:
    assert generator.stale() == []


def test_a_missing_or_changed_document_is_stale(tmp_path: Path) -> None:
    for path, text in generator.documents().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert generator.stale(tmp_path) == []
    (tmp_path / generator.TABLE).unlink()
    (tmp_path / generator.ASYNCAPI).write_text("{}")
    assert generator.stale(tmp_path) == [str(generator.ASYNCAPI), str(generator.TABLE)]


def test_no_document_is_left_of_a_contract_that_is_gone() -> None:
    committed = {path.name for path in (REPOSITORY / generator.SCHEMAS).iterdir()}
    assert committed == {generator.schema_path(spec).name for spec in all_specs()}


def test_the_command_checks() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "common.contracts.documents", "--check"], capture_output=True, text=True
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_asyncapi_document_is_valid() -> None:
    schema = json.loads((REPOSITORY / "tests/data/asyncapi-3.0.0.json").read_text())
    errors = jsonschema.Draft7Validator(schema).iter_errors(asyncapi())
    assert [f"{error.json_path}: {error.message[:200]}" for error in errors] == []


def test_every_reference_in_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()
    broken = [ref for ref in _references(document) if not _leads_somewhere(ref, document)]
    assert broken == []
    assert not _leads_somewhere("#/channels/nowhere", document)


def test_every_contract_is_said_and_heard_in_the_asyncapi_document() -> None:
    document = asyncapi()
    found: dict[str, set[tuple[str, str]]] = {}
    for operation in document["operations"].values():
        for message in operation["messages"]:
            channel, _, name = message["$ref"].removeprefix("#/channels/").partition("/messages/")
            assert document["channels"][channel]["address"] == channel
            role = (operation["action"], operation["tags"][0]["name"])
            found.setdefault(name, set()).add(role)
    expected = {
        spec.type_from(source): {("send", source), *(("receive", listener) for listener in spec.heard_by)}
        for spec in all_specs()
        for source in spec.by
    }
    assert found == expected


@pytest.mark.parametrize("spec", [*all_specs()], ids=lambda spec: spec.name)
def test_schemas_are_valid_and_describe_what_is_encoded(spec: ContractSpec) -> None:
    schema = json.loads((REPOSITORY / generator.schema_path(spec)).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    fields = {field.encode_name: field.required for field in msgspec.structs.fields(spec.cls)}
    assert list(schema["properties"]) == list(fields)
    assert set(schema.get("required", ())) == {name for name, required in fields.items() if required}


def test_headers_are_those_of_the_envelope() -> None:
    fact: Recorded[Event] = Recorded(
        event=Happened(),
        event_id=uuid4(),
        account_id=uuid4(),
        stream=f"toy-{uuid4()}",
        version=3,
        position=9,
        recorded_at=datetime.now(UTC),
        meta=Meta(correlation_id=uuid4(), causation_id=uuid4(), on_behalf_of=uuid4()),
    )
    said = CatchUpRequested(source="billing", consumer="igny8.writer", since="1970-01-01T00:00:00Z")
    _, headers, value = headers_of(said, "writer", fact, "00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    sent = {name: text.decode() for name, text in headers}
    document = asyncapi()
    message = document["components"]["messages"]["igny8.writer.CatchUpRequested.v1"]
    envelope = document["components"]["schemas"]["CloudEvent"]
    check = jsonschema.Draft202012Validator(message["headers"]["allOf"][1])
    check.validate(sent)
    jsonschema.validate(sent, envelope)
    assert sent.keys() == envelope["properties"].keys()
    assert not check.is_valid(sent | {"ce_type": "igny8.writer.Another.v1"})
    committed = json.loads((REPOSITORY / generator.SCHEMAS / "CatchUpRequested.v1.json").read_text())
    jsonschema.validate(json.loads(value), committed)


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for child in node.values() for ref in _references(child)]
    return [ref for child in node for ref in _references(child)] if isinstance(node, list) else []


def _leads_somewhere(ref: str, document: dict[str, Any]) -> bool:
    if not ref.startswith("#/"):
        return (REPOSITORY / generator.ASYNCAPI.parent / ref).is_file()
    node: Any = document
    for key in ref.removeprefix("#/").split("/"):
        node = node.get(key) if isinstance(node, dict) else None
    return node is not None
