"""Every operation of the OpenAPI document as requests of one tenant that name another tenant's objects."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import httpx

from tests.parts.fake_ai.schema import FORMATS, conforming

Json = Any
METHODS = ("get", "post", "put", "patch", "delete")
PARAMETER = re.compile(r"\{(\w+)\}")
FILE = ("keywords.csv", b"Keyword,Volume\ncrane financing,10\n")


class CannotFill(AssertionError):
    """A route asks for an id that the walk knows nothing of: give it a list, or name it in `unlisted`."""


@dataclass(frozen=True)
class Operation:
    """A method of a path, with its description."""

    method: str
    path: str
    description: Mapping[str, Json]

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def query_ids(self) -> list[str]:
        """Query parameters that are ids."""
        return [
            each["name"]
            for each in self.description.get("parameters", ())
            if each["in"] == "query" and _is_id(each["schema"])
        ]

    @property
    def body(self) -> tuple[str, Mapping[str, Json]] | None:
        """Content type and schema of the body."""
        content = self.description.get("requestBody", {}).get("content", {})
        return next(((kind, each["schema"]) for kind, each in content.items()), None)


@dataclass
class Known:
    """A tenant's ids: by the path below which they stand, and by the name of a body's field or a query's parameter."""

    by_path: dict[str, str] = field(default_factory=dict)
    by_name: dict[str, str] = field(default_factory=dict)
    all: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Request:
    """One request to send; `names` are the ids in it that belong to the other tenant, `field` is the body's only such."""

    operation: Operation
    path: str
    names: frozenset[str]
    body: Json = None
    field: str | None = None

    @property
    def content(self) -> dict[str, Json]:
        """What the clients of httpx take it as."""
        described = self.operation.body
        if described and described[0].startswith("multipart/"):
            return {"data": self.body, "files": {"file": FILE}}
        return {"json": self.body}

    def send(self, http: httpx.Client, **options: Any) -> httpx.Response:
        return http.request(self.operation.method, self.path, **self.content, **options)

    def __str__(self) -> str:
        return f"{self.operation} with {sorted(self.names)}: {self.body}"


def operations(document: Mapping[str, Json]) -> Iterator[Operation]:
    for path, methods in sorted(document["paths"].items()):
        for method in METHODS:
            if method in methods:
                yield Operation(method, path, methods[method])


def learn(
    http: httpx.Client, document: Mapping[str, Json], unlisted: Mapping[str, str], *, which: int = 0
) -> Known:
    """A tenant's ids as its lists show them; `unlisted` gives those below paths that cannot be listed.

    Of several in a list, the one with the index `which` stands for all.

    Field names follow the paths' parameters: `…/keywords/{keyword_id}/` fills `keyword_id` and `keyword_ids`.
    """
    known = Known(by_path=dict(unlisted), all=set(unlisted.values()))
    lists: dict[str, list[str]] = {}

    def listed(prefix: str, name: str) -> list[str]:
        answer = http.get(fill(prefix, known), params={"page_size": 100})
        results = answer.json()["data"]["results"] if answer.status_code == 200 else []
        return [str(each.get("id", each.get(name))) for each in results]

    def found_below(prefix: str, name: str) -> list[str]:
        """The list below the object that stands for its kind, or else below the first that has something there."""
        if ids := listed(prefix, name):
            return ids
        above = list(PARAMETER.finditer(prefix))
        for id in lists.get(prefix[: above[-1].start()], ()) if above else ():
            known.by_path[prefix[: above[-1].start()]] = known.by_name[above[-1][1]] = id
            if ids := listed(prefix, name):
                return ids
        return []

    for path in sorted(document["paths"], key=lambda each: len(PARAMETER.findall(each))):
        for found in PARAMETER.finditer(path):
            name, prefix = found[1], path[: found.start()]
            if prefix not in known.by_path and "get" in document["paths"].get(prefix, {}):
                lists[prefix] = ids = found_below(prefix, name)
                if not ids:
                    continue
                known.by_path[prefix] = ids[which % len(ids)]
                known.all.update(ids)
            if prefix in known.by_path and prefix not in unlisted:
                known.by_name.setdefault(name, known.by_path[prefix])
    for name, id in list(known.by_name.items()):
        known.by_name[f"{name}s"] = id
    return known


def fill(path: str, known: Known, other: Known | None = None, only: str | None = None) -> str:
    """The path with the ids of `known`; with `only`, that parameter alone is `other`'s."""

    def id_of(found: "re.Match[str]") -> str:
        whose = other if other is not None and found[1] == only else known
        try:
            return whose.by_path[path[: found.start()]]
        except KeyError:
            raise CannotFill(f"no id is known for {{{found[1]}}} of {path}") from None

    return PARAMETER.sub(id_of, path)


def foreign_requests(
    operation: Operation, document: Mapping[str, Json], mine: Known, theirs: Known
) -> Iterator[Request]:
    """Each request names their object in one place and is otherwise all mine; the last one names only theirs."""
    parameters = PARAMETER.findall(operation.path)
    fields = _id_fields(operation, document)
    required = [name for name, needed in fields.items() if needed]
    for only in parameters:
        path = fill(operation.path, mine, theirs, only)
        yield _request(operation, document, path, _ids(mine, required), theirs)
    for only in fields:
        ids = _ids(mine, required) | _ids(theirs, [only])
        yield replace(_request(operation, document, fill(operation.path, mine), ids, theirs), field=only)
    if len(parameters) + len(fields) > 1:
        yield _request(operation, document, fill(operation.path, theirs), _ids(theirs, fields), theirs)


def own_request(operation: Operation, document: Mapping[str, Json], known: Known) -> Request:
    """One that names what is there, and says no more than it has to."""
    required = [name for name, needed in _id_fields(operation, document).items() if needed]
    return _request(operation, document, fill(operation.path, known), _ids(known, required), known)


def _request(
    operation: Operation, document: Mapping[str, Json], path: str, ids: Mapping[str, str], theirs: Known
) -> Request:
    used = {*uuids(path), *ids.values()}
    return Request(operation, path, frozenset(used & theirs.all), _body(operation, document, ids))


def _ids(known: Known, names: Iterable[str]) -> dict[str, str]:
    try:
        return {name: known.by_name[name] for name in names}
    except KeyError as missing:
        raise CannotFill(f"no id is known for the body's {missing}") from None


def _id_fields(operation: Operation, document: Mapping[str, Json]) -> dict[str, bool]:
    """Fields of the body that are ids or lists of ids, and whether they are required."""
    if operation.body is None:
        return {}
    schema = _object(operation.body[1], document)
    required = schema.get("required", ())
    return {name: name in required for name, each in schema.get("properties", {}).items() if _is_id(each)}


def _body(operation: Operation, document: Mapping[str, Json], ids: Mapping[str, str]) -> Json:
    if operation.body is None:
        return None
    schema = _object(operation.body[1], document)
    draft = {name: [id] if _is_list(schema["properties"][name]) else id for name, id in ids.items()}
    found = conforming({**schema, "components": document["components"]}, draft)
    if FORMATS["uuid"] in str(found):
        raise CannotFill(f"{operation}: an invented id in {found}")
    found.pop("file", None)
    return found


def _object(schema: Mapping[str, Json], document: Mapping[str, Json]) -> dict[str, Json]:
    """The schema of a body's object, behind references and `or null`."""
    if alternatives := schema.get("anyOf"):
        schema = next(each for each in alternatives if each.get("type") != "null")
    if reference := schema.get("$ref"):
        schema = document["components"]["schemas"][reference.rpartition("/")[2]]
    return dict(schema)


def _alternatives(schema: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    yield from chain([schema], schema.get("anyOf", ()))


def _is_list(schema: Mapping[str, Json]) -> bool:
    return any(each.get("type") == "array" for each in _alternatives(schema))


def _is_id(schema: Mapping[str, Json]) -> bool:
    return any(
        each.get("format") == "uuid" or each.get("items", {}).get("format") == "uuid"
        for each in _alternatives(schema)
    )


def uuids(text: str) -> set[str]:
    return set(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", text))
