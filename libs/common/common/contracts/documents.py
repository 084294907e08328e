"""`python -m common.contracts.documents [--check]`: the published language as documents, made from the registry.

Writes one JSON Schema per event version and an AsyncAPI 3 document to `deploy/contracts`, and the table of events to
`docs/architecture/events.md`. `--check` writes nothing. Exit code 1, and what is wrong on standard error, when a
published version has changed so that somebody could not read it (write a new version instead), or with `--check`
when a file is not what the registry says.
"""

import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from common.contracts import ContractSpec, all_specs
from common.contracts.base import SERVICES
from common.contracts.compatibility import breaks
from common.messaging.topics import ALL_TOPICS, PARTITIONS

REPOSITORY = Path(__file__).resolve().parents[4]
SCHEMAS = Path("deploy/contracts/schemas")
ASYNCAPI = Path("deploy/contracts/asyncapi.json")
TABLE = Path("docs/architecture/events.md")
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_UUID = {"type": "string", "format": "uuid"}
_HEADERS: dict[str, dict[str, Any]] = {
    "ce_specversion": {"const": "1.0"},
    "ce_id": {**_UUID, "description": "The event's id; a message said again has the same."},
    "ce_source": {"type": "string"},
    "ce_type": {"type": "string"},
    "ce_subject": {"type": "string", "description": "The stream the fact was recorded in."},
    "ce_time": {"type": "string", "format": "date-time", "description": "When it was recorded."},
    "ce_accountid": {**_UUID, "description": "The tenant; also the message's key."},
    "ce_streamversion": {"type": "string", "pattern": "^[0-9]+$"},
    "content-type": {"const": "application/json"},
    "ce_correlationid": _UUID,
    "ce_causationid": _UUID,
    "ce_onbehalfof": {
        **_UUID,
        "description": "The account, where staff acted for it and in all that came of that.",
    },
    "traceparent": {"type": "string", "description": "W3C trace context."},
}
_OPTIONAL = {"ce_correlationid", "ce_causationid", "ce_onbehalfof", "traceparent"}


def schema_of(spec: ContractSpec) -> dict[str, Any]:
    """The JSON Schema (2020-12) of an event's data. Unknown fields are allowed: readers ignore them."""
    _, definitions = msgspec.json.schema_components([spec.cls], ref_template="#/$defs/{name}")
    event = dict(definitions.pop(spec.name))
    schema = {"$schema": DIALECT, "$id": f"urn:igny8:contract:{spec.name}:v{spec.version}", **event}
    schema |= {"$defs": dict(sorted(definitions.items()))} if definitions else {}
    as_read: dict[str, Any] = json.loads(json.dumps(schema))  # a default () is [] in what is committed
    return as_read


def schema_path(spec: ContractSpec) -> Path:
    """Where it is committed."""
    return SCHEMAS / f"{spec.name}.v{spec.version}.json"


def _headers(spec: ContractSpec, source: str) -> dict[str, Any]:
    own = {"ce_source": {"const": f"igny8/{source}"}, "ce_type": {"const": spec.type_from(source)}}
    return {"allOf": [{"$ref": "#/components/schemas/CloudEvent"}, {"type": "object", "properties": own}]}


def _message(spec: ContractSpec, source: str) -> dict[str, Any]:
    said = inspect.getdoc(spec.cls) if spec.cls.__doc__ else None
    return {
        "name": spec.type_from(source),
        "title": spec.name,
        **({"summary": said} if said else {}),
        "contentType": "application/json",
        "headers": _headers(spec, source),
        "payload": {
            "schemaFormat": "application/schema+json;version=2020-12",
            "schema": {"$ref": f"./schemas/{schema_path(spec).name}"},
        },
        "bindings": {"kafka": {"key": _UUID}},
    }


def _saying() -> Iterator[tuple[ContractSpec, str, str]]:
    """Every contract with each service that says it, and the topic."""
    for spec in sorted(all_specs(), key=lambda spec: (spec.name, spec.version)):
        for source, topic in zip(spec.by, spec.topics() * len(spec.by), strict=False):
            yield spec, source, topic


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document of all topics: who says and who hears what."""
    channels: dict[str, Any] = {
        topic: {
            "address": topic,
            "messages": {},
            "bindings": {"kafka": {"topic": topic, "partitions": PARTITIONS}},
        }
        for topic in ALL_TOPICS
    }
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}

    def take_part(service: str, action: str, topic: str, message: str) -> None:
        verb = {"send": "says-on", "receive": "hears-from"}[action]
        operation = operations.setdefault(
            f"{service}-{verb}-{topic.replace('.', '-')}",
            {
                "action": action,
                "channel": {"$ref": f"#/channels/{topic}"},
                "tags": [{"name": service}],
                "messages": [],
            },
        )
        operation["messages"].append({"$ref": f"#/channels/{topic}/messages/{message}"})

    for spec, source, topic in _saying():
        name = spec.type_from(source)
        messages[name] = _message(spec, source)
        channels[topic]["messages"][name] = {"$ref": f"#/components/messages/{name}"}
        take_part(source, "send", topic, name)
        for listener in spec.heard_by:
            take_part(listener, "receive", topic, name)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "IGNY8 events",
            "version": "1.0.0",
            "description": "CloudEvents 1.0 in Kafka's binary mode. Key: the account's id, so one tenant's facts from one "
            "service arrive in order. Readers ignore unknown fields.",
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": {"host": "localhost:9092", "protocol": "kafka"}},
        "channels": channels,
        "operations": dict(sorted(operations.items())),
        "components": {
            "messages": messages,
            "schemas": {
                "CloudEvent": {
                    "type": "object",
                    "required": sorted(_HEADERS.keys() - _OPTIONAL),
                    "properties": _HEADERS,
                }
            },
        },
    }


def table() -> str:
    """The table of events for readers."""
    lines = [
        "# Events between the services",
        "",
        "Made from `common/contracts` by `make contracts`; change it there. Every message carries the envelope of "
        "[asyncapi.json](../../deploy/contracts/asyncapi.json); the fields are in "
        "[schemas](../../deploy/contracts/schemas).",
        "",
        "| topic | event | says | fields | heard by |",
        "|---|---|---|---|---|",
    ]
    order = {service: number for number, service in enumerate(SERVICES)}
    for spec in sorted(all_specs(), key=lambda spec: (spec.topics()[0], len(spec.by), spec.name)):
        says = " ".join((inspect.getdoc(spec.cls) or "").split()) if spec.cls.__doc__ else ""
        cells = (
            ", ".join(f"`{topic}`" for topic in dict.fromkeys(spec.topics())),
            f"[`{spec.name}` v{spec.version}](../../{schema_path(spec)})",
            says.replace("|", "\\|"),
            ", ".join(f"`{name}`" for name in spec.cls.__struct_fields__),
            ", ".join(sorted(spec.heard_by, key=lambda service: order[service])),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def documents() -> dict[Path, str]:
    """Every generated file: its path in the repository and its text."""
    texts = {schema_path(spec): _json(schema_of(spec)) for spec in all_specs()}
    return texts | {ASYNCAPI: _json(asyncapi()), TABLE: table()}


def incompatible(specs: Mapping[Path, dict[str, Any]], repository: Path = REPOSITORY) -> list[str]:
    """Changes against the committed schemas that somebody could not read; also a version that is gone."""
    found = []
    for path in sorted((repository / SCHEMAS).glob("*.json")):
        now = specs.get(SCHEMAS / path.name)
        if now is None:
            found.append(f"{path.stem}: published, but not in the code any more")
        else:
            found += [f"{path.stem}: {why}" for why in breaks(json.loads(path.read_text()), now)]
    return found


def stale(repository: Path = REPOSITORY) -> list[str]:
    """Generated files whose committed text is not what the registry says."""
    return [
        str(path)
        for path, text in documents().items()
        if not (repository / path).exists() or (repository / path).read_text() != text
    ]


def main(arguments: list[str]) -> str | None:
    """Do it; what is wrong, or None."""
    if problems := incompatible({schema_path(spec): schema_of(spec) for spec in all_specs()}):
        rule = "A published version may only gain fields with a default; write a new version:"
        return "\n  ".join([rule, *problems])
    changed = stale()
    if "--check" in arguments:
        return "\n  ".join(["Not what the contracts say; run make contracts:", *changed]) if changed else None
    texts = documents()
    for name in changed:
        path = REPOSITORY / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[Path(name)])
        sys.stdout.write(f"{name}\n")
    return None


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
