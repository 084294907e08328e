"""An example of everything the API description has a schema for, made from the schema: it fits, and is the same each time."""

from collections.abc import Mapping
from typing import Any

JSON = Any

_BY_NAME = {
    "access": "eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl",
    "account_name": "Acme Rentals",
    "cpc": "8.50",
    "domain": "example.com",
    "email": "ada@example.com",
    "error": None,
    "error_code": None,
    "errors": None,
    "filename": "keywords.csv",
    "first_name": "Ada",
    "html_content": "<h2>What crane financing costs</h2><p>It depends on the term.</p>",
    "keyword": "crane financing",
    "keywords": ["crane financing", "crane leasing"],
    "language": "en",
    "last_name": "Lovelace",
    "message": "Done.",
    "name": "Acme Rentals",
    "next": None,
    "password": "Correct-Horse-7",
    "previous": None,
    "reason": "The tone does not fit.",
    "refresh": "7d.0198c5a0.c2VjcmV0",
    "request_id": "0198c5a0-7b1e-7c11-9d3f-2f0f6a1c4e55",
    "size": "1024x1024",
    "slug": "acme-rentals",
    "success": True,
    "title": "Crane financing: what it costs and how to get it",
}
_BY_FORMAT = {
    "uuid": "0198c5a0-7b1e-7c11-9d3f-2f0f6a1c4e55",
    "date-time": "2026-11-21T12:00:00Z",
    "date": "2026-11-21",
    "uri": "https://example.com/",
    "email": "ada@example.com",
    "password": "Correct-Horse-7",
    "binary": "Keyword,Volume\ncrane financing,880\n",
}
_DEEPEST = 12


def add_examples(document: JSON) -> None:
    """Give every parameter, body and successful answer of an OpenAPI document an example, except where one is there."""
    for item in document["paths"].values():
        for operation in item.values():
            if not isinstance(operation, dict) or "responses" not in operation:
                continue
            for parameter in operation.get("parameters", ()):
                parameter.setdefault("example", example_of(parameter["schema"], document, parameter["name"]))
            contents = [operation.get("requestBody", {}).get("content", {})]
            contents += [
                answer.get("content", {})
                for status, answer in operation["responses"].items()
                if status.startswith("2")
            ]
            for content in contents:
                for media in content.values():
                    if "examples" not in media:
                        media.setdefault("example", example_of(media.get("schema", {}), document))


def example_of(schema: Mapping[str, JSON], document: JSON, name: str = "", depth: int = 0) -> JSON:
    """A value that fits the schema; `name` is that of the field it is for."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "example" in schema:
        return schema["example"]
    if schema.get("examples"):
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if key in schema:
            choices = schema[key]
            may_be_null = any(choice.get("type") == "null" for choice in choices)
            if may_be_null and (depth > _DEEPEST or _BY_NAME.get(name, name) is None):
                return None
            chosen = next((choice for choice in choices if choice.get("type") != "null"), choices[0])
            return example_of(chosen, document, name, depth + 1)
    if "allOf" in schema:
        return example_of(schema["allOf"][0], document, name, depth + 1)
    match schema.get("type"):
        case "object":
            return _object(schema, document, depth)
        case "array":
            return _array(schema, document, name, depth)
        case "string":
            return _string(schema, name)
        case "integer" | "number" as kind:
            return _number(schema, name, kind)
        case "boolean":
            return schema.get("default", True)
        case "null":
            return None
    return {}


def _object(schema: Mapping[str, JSON], document: JSON, depth: int) -> JSON:
    fields = schema.get("properties", {})
    needed = fields if depth <= _DEEPEST else {key: fields[key] for key in schema.get("required", ())}
    made = {key: example_of(value, document, key, depth + 1) for key, value in needed.items()}
    more = schema.get("additionalProperties")
    if not made and isinstance(more, dict):
        made["count"] = example_of(more, document, "count", depth + 1)
    return made


def _array(schema: Mapping[str, JSON], document: JSON, name: str, depth: int) -> JSON:
    if isinstance(_BY_NAME.get(name), list) and schema.get("items", {}).get("type") == "string":
        return _BY_NAME[name]
    if depth > _DEEPEST and not schema.get("minItems"):
        return []
    one = example_of(schema.get("items", {}), document, name.removesuffix("s"), depth + 1)
    return [one] * max(1, schema.get("minItems", 1))


def _string(schema: Mapping[str, JSON], name: str) -> str:
    known = _BY_NAME.get(name)
    if schema.get("format") in _BY_FORMAT:
        text = _BY_FORMAT[schema["format"]]
    elif isinstance(known, str):
        text = known
    else:
        text = schema.get("default") or "text"
    return str(text).ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", 10_000)]


def _number(schema: Mapping[str, JSON], name: str, kind: str) -> float:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    wanted = schema.get("default")
    if wanted is None:
        wanted = max(least, 1) if "exclusiveMinimum" not in schema else least + 1
    most = schema.get("maximum", wanted)
    found = min(wanted, most)
    return int(found) if kind == "integer" else float(found)
