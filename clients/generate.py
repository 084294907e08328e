"""`python -m clients.generate [--check]`: the typed Python client, made from the merged OpenAPI document.

Writes `models.py` (bodies and answers) and `operations.py` (a method for each operation) of `clients/python`. `--check`
writes nothing; exit code 1 when a file is not what the document says. Names follow the paths: what has a list, or
several methods, is a group (`client.planner.keywords.list()`), and what stands below it is a method of that group.
"""

import json
import keyword
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from common.api.app import make_app
from common.contracts.base import SERVICES
from gateway.openapi import merge
from pydantic import BaseModel

Json = Any
PACKAGE = Path(__file__).parent / "python" / "igny8_client"
PREFIX = "/api/v1/"
PARAMETER = re.compile(r"\{(\w+)\}")
LEFT_OUT = {"fields"}
"""As the header `Prefer` it makes an answer another than its type; `Client.request` sends both."""
VERBS = {"get": "get", "put": "replace", "patch": "change", "delete": "delete"}
_HEADER = '''"""{said} Made by `python -m clients.generate` from the OpenAPI document; change it there."""

'''
_FORMATS = {"uuid": "UUID", "date-time": "dt.datetime", "date": "dt.date"}
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


def document() -> Json:
    """The document that a running product serves."""
    apps = {name: make_app(name, import_module(f"{name}.app").SERVICE.routers) for name in SERVICES}
    own = apps.pop("gateway").openapi()
    return merge(own, {name: app.openapi() for name, app in apps.items()})


# Types


def snake(text: str) -> str:
    return text.replace("-", "_")


def named(text: str) -> str:
    """A name that Python leaves free."""
    return f"{text}_" if keyword.iskeyword(text) else text


def class_of(reference: str) -> str:
    """`gateway__users__api__ResetIn`, where two have one name, is `UsersResetIn`."""
    *module, name = reference.rpartition("/")[2].split("__")
    return "".join(part.title() for part in module[1:2]) + name


def type_of(schema: Mapping[str, Json], *, models: str = "", many: str = "list[{}]") -> str:
    """The annotation of a schema; `models` stands before the names of models, `many` around what a list holds."""
    if "$ref" in schema:
        return models + class_of(schema["$ref"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " | ".join(dict.fromkeys(type_of(each, models=models, many=many) for each in schema[key]))
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return f"Literal[{', '.join(json.dumps(each) for each in values)}]"
    match schema.get("type"):
        case "array":
            return many.format(type_of(schema.get("items", {}), models=models, many=many))
        case "object":
            held = schema.get("additionalProperties")
            return (
                f"dict[str, {type_of(held, models=models, many=many) if isinstance(held, dict) else 'Any'}]"
            )
        case "string":
            return _FORMATS.get(schema.get("format", ""), "str")
        case str() as kind:
            return _PLAIN[kind]
    return "Any"


# Models


@dataclass
class Models:
    """The schemas that bodies and answers use, in an order in which each stands below what it uses."""

    schemas: Mapping[str, Json]
    sent: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)

    def use(self, schema: Mapping[str, Json], used: set[str]) -> None:
        for name in _references(schema):
            if name not in used:
                used.add(name)
                self.use(self.schemas[name], used)

    def text(self) -> str:
        written: dict[str, str] = {}
        for name in sorted(self.sent | self.shown):
            self._write(name, written)
        if len({class_of(name) for name in written}) != len(written):
            raise ValueError("two models have one name")
        head = _HEADER.format(said="Bodies and answers.") + (
            "import datetime as dt\nfrom typing import Any, Literal\nfrom uuid import UUID\n\n"
            "from pydantic import Field\n\nfrom igny8_client.model import Body, Shown\n\n\n"
        )
        return head + "\n\n".join(written.values())

    def _write(self, name: str, written: dict[str, str]) -> None:
        if name in written:
            return
        schema = self.schemas[name]
        for used in sorted(_references(schema)):
            self._write(used, written)
        base = "Body" if name not in self.shown else "Shown"
        lines = [f"class {class_of(name)}({base}):"]
        if said := schema.get("description"):
            lines += _docstring(said, "    ")
        required = schema.get("required", ())
        fields = [
            self._field(key, each, key in required) for key, each in schema.get("properties", {}).items()
        ]
        lines += [f"    {line}" for each in fields for line in each] or ["    pass"]
        written[name] = "\n".join(lines) + "\n"

    def _field(self, name: str, schema: Mapping[str, Json], required: bool) -> Iterator[str]:
        kind = type_of(schema)
        free = f"{name}_" if hasattr(BaseModel, name) else named(name)
        given = ""
        if not required:
            default = schema.get("default")
            kind += " | None" if default is None and "None" not in kind and kind != "Any" else ""
            given = repr(default)
        if free != name:
            given = f"Field({given + ', ' if given else ''}alias={name!r})"
        yield f"{free}: {kind}{' = ' + given if given else ''}"
        if said := schema.get("description"):
            yield from _docstring(said, "")


def _references(schema: Json) -> set[str]:
    if isinstance(schema, dict):
        own = {schema["$ref"].rpartition("/")[2]} if isinstance(schema.get("$ref"), str) else set()
        return own.union(*(_references(each) for each in schema.values()))
    return set().union(*(_references(each) for each in schema)) if isinstance(schema, list) else set()


def _docstring(text: str, indent: str) -> list[str]:
    lines = text.strip().replace("\\", "\\\\").splitlines()
    if len(lines) == 1:
        return [f'{indent}"""{lines[0]}"""']
    return [f'{indent}"""{lines[0]}', *(f"{indent}{line}".rstrip() for line in lines[1:]), f'{indent}"""']


# Operations


@dataclass(frozen=True)
class Operation:
    """A method of a path."""

    method: str
    path: str
    described: Mapping[str, Json]
    schemas: Mapping[str, Json]

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The path without its parameters."""
        return tuple(
            snake(each) for each in self.path.removeprefix(PREFIX).strip("/").split("/") if "{" not in each
        )

    @property
    def of_one(self) -> bool:
        return self.path.endswith("}/")

    @cached_property
    def answers(self) -> Mapping[str, Json]:
        """Content of the success, by media type; who does not wait for a task is answered 202."""
        answers = {status: each for status, each in self.described["responses"].items() if status[0] == "2"}
        content: Mapping[str, Json] = answers.get("202", next(iter(answers.values()))).get("content", {})
        return content

    @cached_property
    def data(self) -> Mapping[str, Json]:
        """The schema of what the answer's envelope holds; without one there is no JSON."""
        schema: Mapping[str, Json] = self.answers.get("application/json", {}).get("schema", {})
        schema = schema.get("anyOf", (schema,))[0]
        held: Mapping[str, Json] = self._resolved(schema).get("properties", {}).get("data", {})
        return held

    @cached_property
    def row(self) -> Mapping[str, Json] | None:
        """The schema of a list's rows."""
        fields = self._resolved(self.data).get("properties", {})
        row: Mapping[str, Json] | None = (
            fields["results"]["items"] if {"results", "next"} <= fields.keys() else None
        )
        return row

    @cached_property
    def sent(self) -> tuple[str, Mapping[str, Json]] | None:
        """Media type and schema of the body."""
        content = self.described.get("requestBody", {}).get("content", {})
        return next(((kind, each["schema"]) for kind, each in content.items()), None)

    @cached_property
    def file(self) -> str | None:
        """The media type of an answer that is a file."""
        return next(
            (kind for kind in self.answers if kind not in ("application/json", "text/event-stream")), None
        )

    @property
    def is_stream(self) -> bool:
        return "text/event-stream" in self.answers

    def parameters(self, place: str) -> list[Mapping[str, Json]]:
        found = self.described.get("parameters", ())
        return [each for each in found if each["in"] == place and each["name"] not in LEFT_OUT]

    def _resolved(self, schema: Mapping[str, Json]) -> Mapping[str, Json]:
        reference = schema.get("$ref")
        return schema if reference is None else self.schemas[reference.rpartition("/")[2]]


def operations(document: Json) -> list[Operation]:
    schemas = document["components"]["schemas"]
    return [
        Operation(method, path, described, schemas)
        for path, methods in sorted(document["paths"].items())
        for method, described in methods.items()
        if path.startswith(PREFIX)
    ]


def groups_of(found: list[Operation]) -> set[tuple[str, ...]]:
    """What has a list, members or several methods, and all that such a thing stands below."""
    methods = Counter(each.path for each in found)
    things = {
        each.parts
        for each in found
        if each.of_one or each.row is not None or methods[each.path] > 1 or len(each.parts) == 1
    }
    return {thing[:length] for thing in things for length in range(1, len(thing) + 1)}


def placed(found: list[Operation]) -> dict[tuple[str, ...], dict[str, Operation]]:
    """Every operation by group and name; groups without a method of their own too."""
    groups = groups_of(found)
    methods: dict[tuple[str, ...], dict[str, Operation]] = {group: {} for group in sorted(groups)}
    for each in sorted(found, key=lambda each: len(PARAMETER.findall(each.path))):
        group = next(
            each.parts[:length] for length in range(len(each.parts), 0, -1) if each.parts[:length] in groups
        )
        name = "_".join(each.parts[len(group) :]) or _verb(each)
        if name in methods[group]:
            name = f"{name}_by_id"
        if name in methods[group] or (*group, name) in groups:
            raise ValueError(f"{each.method} {each.path}: {name} is taken")
        methods[group][name] = each
    return methods


def _verb(each: Operation) -> str:
    if each.is_stream:
        return "stream"
    if each.method == "post":
        return "create" if "201" in each.described["responses"] else "post"
    return "list" if each.row is not None else VERBS[each.method]


def operations_text(methods: Mapping[tuple[str, ...], Mapping[str, Operation]]) -> str:
    below = defaultdict(list)
    for group in methods:
        below[group[:-1]].append(group)
    lines = [
        _HEADER.format(said="A method for each operation of the API."),
        "import datetime as dt",
        "from collections.abc import Generator, Sequence",
        "from typing import Any, Literal",
        "from uuid import UUID",
        "",
        "from igny8_client import models as m",
        "from igny8_client.connection import Call, Connection, Id, Upload",
        "from igny8_client.pages import Download, LiveEvent, Page",
    ]
    for group in sorted(methods, key=lambda each: (-len(each), each)):
        lines += ["", "", f"class {_group_class(group)}:", f'    """`{"/".join(group)}/`"""', ""]
        lines += _init(below[group])
        for name, operation in methods[group].items():
            lines += ["", *(f"    {line}" if line else "" for line in method(name, operation))]
            if operation.file and operation.data:
                lines += ["", *(f"    {line}" for line in method("download", operation, as_file=True))]
    lines += ["", "", "class Operations:", '    """The groups of the API."""', "", *_init(below[()])]
    return "\n".join(lines) + "\n"


def _group_class(group: tuple[str, ...]) -> str:
    return "".join(word.title() for part in group for word in part.split("_"))


def _init(groups: list[tuple[str, ...]]) -> list[str]:
    lines = [
        "    def __init__(self, connection: Connection) -> None:",
        "        self._connection = connection",
    ]
    return [*lines, *(f"        self.{group[-1]} = {_group_class(group)}(connection)" for group in groups)]


def method(name: str, operation: Operation, *, as_file: bool = False) -> Iterator[str]:
    """The lines of a method."""
    as_file = as_file or (operation.file is not None and not operation.data)
    arguments = ["self"]
    call = [repr(operation.method.upper()), _path(operation.path)]
    arguments += [f"{each}: Id" for each in PARAMETER.findall(operation.path)]
    options: list[str] = []
    if operation.sent:
        _add_body(operation, arguments, options, call)
    query = {}
    for parameter in operation.parameters("query"):
        if parameter["name"] == "format" and operation.file:
            query["format"] = repr(operation.file.rpartition("/")[2]) if as_file else None
            continue
        argument = named(snake(parameter["name"]))
        options.append(_option(argument, parameter))
        query[parameter["name"]] = argument
    if query := {key: value for key, value in query.items() if value is not None}:
        call.append(f"query={{{', '.join(f'{key!r}: {value}' for key, value in query.items())}}}")
    for argument, kind in _conventions(operation):
        options.append(f"{argument}: {kind} | None = None")
        call.append(f"{argument}={argument}")
    if operation.is_stream:
        options.append("last_event_id: str | None = None")
    signature = ", ".join([*arguments, *(["*", *options] if options else [])])
    kind, ends = _ending(operation, as_file)
    yield f"def {named(name)}({signature}) -> {kind}:"
    yield from _docstring(_said(operation), "    ")
    yield f"    return self._connection.{ends.format('Call(' + ', '.join(call) + ')')}"


def _add_body(operation: Operation, arguments: list[str], options: list[str], call: list[str]) -> None:
    assert operation.sent
    media, schema = operation.sent
    if media.startswith("multipart/"):
        fields = {key: each for key, each in schema["properties"].items() if key != "file"}
        arguments.append("file: Upload")
        options += [
            _option(key, {"schema": each, "required": key in schema.get("required", ())})
            for key, each in fields.items()
        ]
        call += [f"form={{{', '.join(f'{key!r}: {key}' for key in fields)}}}", "file=file"]
        return
    kind = type_of(schema, models="m.")
    needed = operation.described["requestBody"].get("required", False) and "None" not in kind
    arguments.append(f"body: {kind}" if needed else f"body: {kind.removesuffix(' | None')} | None = None")
    call.append("body=body")


def _option(argument: str, parameter: Mapping[str, Json]) -> str:
    kind = type_of(parameter["schema"], many="Sequence[{}]").replace("UUID", "Id")
    if parameter.get("required"):
        return f"{argument}: {kind}"
    return f"{argument}: {kind.removesuffix(' | None')} | None = None"


def _conventions(operation: Operation) -> Iterator[tuple[str, str]]:
    """What holds for all operations of a kind: arguments that become headers."""
    names = {each["name"] for each in operation.parameters("header")}
    for header, argument, kind in (
        ("Idempotency-Key", "idempotency_key", "str"),
        ("If-Match", "if_match", "int | str"),
    ):
        if header in names:
            yield argument, kind


def _ending(operation: Operation, as_file: bool) -> tuple[str, str]:
    """The type of what a method returns, and how it asks the connection for it."""
    if operation.is_stream:
        return "Generator[LiveEvent, None, None]", "live({}, last_event_id)"
    if as_file:
        return "Download", "download({})"
    if operation.row is not None:
        row = type_of(operation.row, models="m.")
        return f"Page[{row}]", f"page({{}}, {row})"
    kind = type_of(operation.data, models="m.", many="tuple[{}, ...]") if operation.data else "None"
    return (kind, "none({})") if kind == "None" else (kind, f"one({{}}, {kind})")


def _path(path: str) -> str:
    text = path.removeprefix(PREFIX)
    return f"f{text!r}" if "{" in text else repr(text)


def _said(operation: Operation) -> str:
    summary = operation.described.get("summary", operation.path).rstrip(".")
    more = operation.described.get("description", "").strip()
    return f"{summary}.\n\n{more}" if more else f"{summary}."


# Files


def texts(document: Json) -> dict[Path, str]:
    """Every generated file, formatted."""
    found = operations(document)
    models = Models(document["components"]["schemas"])
    for each in found:
        models.use(each.row if each.row is not None else each.data, models.shown)
        if each.sent:
            models.use(each.sent[1], models.sent)
    made = {"models.py": models.text(), "operations.py": operations_text(placed(found))}
    return {PACKAGE / name: _formatted(text) for name, text in made.items()}


def _formatted(text: str) -> str:
    ruff = Path(sys.executable).with_name("ruff")
    for command in (["check", "--select=F401,I", "--fix", "--quiet"], ["format", "--quiet"]):
        stdin = [str(ruff), *command, f"--stdin-filename={PACKAGE / 'made.py'}", "-"]
        text = subprocess.run(stdin, input=text, capture_output=True, text=True, check=True).stdout
    return text


def stale(made: Mapping[Path, str]) -> list[str]:
    """The files whose committed text is another."""
    return [path.name for path, text in made.items() if not path.exists() or path.read_text() != text]


def main(arguments: list[str]) -> str | None:
    """Do it; what is wrong, or None."""
    made = texts(document())
    if "--check" in arguments:
        wrong = stale(made)
        return f"{', '.join(wrong)}: not what the API description says; run make client" if wrong else None
    for path, text in made.items():
        path.write_text(text)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
