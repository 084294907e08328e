"""An instance of a JSON schema that keeps as much of a draft as the schema allows."""

from typing import Any

from jsonschema import Draft202012Validator

Json = Any
FORMATS = {
    "date": "2030-01-01",
    "date-time": "2030-01-01T00:00:00Z",
    "uri": "https://example.com/",
    "email": "someone@example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def conforming(schema: dict[str, Json], draft: Json = None) -> Json:
    """`draft` made to conform: unknown members dropped, missing ones invented, limits kept.

    Raises `jsonschema.ValidationError` for a schema that it cannot satisfy, such as one with a pattern.
    """
    instance = _fit(schema, draft, schema)
    Draft202012Validator(schema).validate(instance)
    return instance


def _fit(schema: dict[str, Json], draft: Json, root: dict[str, Json]) -> Json:
    if reference := schema.get("$ref"):
        target: Json = root
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        return _fit({**target, **{key: value for key, value in schema.items() if key != "$ref"}}, draft, root)
    if "const" in schema:
        return schema["const"]
    if options := schema.get("enum"):
        return draft if draft in options else options[0]
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        if draft is not None:
            for alternative in alternatives:
                if _kind(alternative, root) == _kind_of(draft):
                    return _fit(alternative, draft, root)
        return _fit(alternatives[0], None, root)
    if parts := schema.get("allOf"):
        merged = {key: value for part in parts for key, value in part.items()}
        return _fit({**schema, "allOf": None, **merged}, draft, root)
    match _type(schema):
        case "object":
            return _object(schema, draft if isinstance(draft, dict) else {}, root)
        case "array":
            return _array(schema, draft if isinstance(draft, list) else None, root)
        case "string":
            return _string(schema, draft)
        case "integer":
            return int(_number(schema, draft))
        case "number":
            return _number(schema, draft)
        case "boolean":
            return bool(draft)
        case _:
            return None


def _object(schema: dict[str, Json], draft: dict[str, Json], root: dict[str, Json]) -> dict[str, Json]:
    known = schema.get("properties", {})
    required = set(schema.get("required", ()))
    result = {
        name: _fit(member, draft.get(name), root)
        for name, member in known.items()
        if name in draft or name in required
    }
    other = schema.get("additionalProperties")
    if isinstance(other, dict):
        result |= {name: _fit(other, value, root) for name, value in draft.items() if name not in known}
    return result


def _array(schema: dict[str, Json], draft: list[Json] | None, root: dict[str, Json]) -> list[Json]:
    items = schema.get("items", {"type": "string"})
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    source = draft if draft is not None else [None] * max(least, 1)
    source = source + [None] * (least - len(source))
    return [_fit(items, item, root) for item in source[:most]]


def _string(schema: dict[str, Json], draft: Json) -> str:
    text = draft if isinstance(draft, str) else FORMATS.get(schema.get("format", ""), "")
    if not text:
        text = f"{schema.get('title', 'text').lower()} of the fake provider"
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    while len(text) < least:
        text += f" {text}"
    return text if most is None else text[:most]


def _number(schema: dict[str, Json], draft: Json) -> float:
    value: float = draft if isinstance(draft, int | float) and not isinstance(draft, bool) else 1
    low: float = schema.get("minimum", schema.get("exclusiveMinimum", value - 1) + 1)
    high: float = schema.get("maximum", schema.get("exclusiveMaximum", value + 1) - 1)
    return max(low, min(high, value))


def _type(schema: dict[str, Json]) -> str:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return next(name for name in kind if name != "null") if isinstance(kind, list) else str(kind)


def _kind(schema: dict[str, Json], root: dict[str, Json]) -> str:
    if reference := schema.get("$ref"):
        target: Json = root
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        return _type(target)
    return _type(schema)


def _kind_of(value: Json) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    return names.get(type(value), "null")
