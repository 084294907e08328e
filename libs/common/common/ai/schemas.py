"""JSON Schemas as OpenAI's structured output accepts them.

Strict mode wants every object closed and every property required, and knows no defaults:
https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec


def strict_schema(type_: type[msgspec.Struct]) -> dict[str, Any]:
    """The strict JSON Schema of a struct, definitions in `$defs`. It is everybody's: not to be changed."""
    return _strict_schema(type_)


@cache
def _strict_schema(type_: type[msgspec.Struct]) -> dict[str, Any]:
    schema = _strict(msgspec.json.schema(type_))
    # The root must be an object itself, not a reference to one.
    root: dict[str, Any] = schema["$defs"].pop(schema.pop("$ref").rsplit("/", 1)[1])
    return {**root, "$defs": schema["$defs"]} if schema["$defs"] else root


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    strict = {name: _strict(value) for name, value in node.items() if name != "default"}
    if node.get("type") == "object":
        strict |= {"required": list(node.get("properties", {})), "additionalProperties": False}
    return strict
