"""The AI functions by name, described for API and documentation; nothing is built before it is asked for."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

import msgspec

from common.ai import functions
from common.contracts.operations import Function

NAMES: tuple[str, ...] = get_args(Function)


class FunctionDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What callers may know of a function; the schemas are JSON Schema 2020-12."""

    name: str
    description: str
    version: int
    cost: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]


def function_named(name: str) -> functions.AnyFunction:
    """The function called `name`. Raises KeyError naming the known ones."""
    if name not in NAMES:
        raise KeyError(f"no AI function {name!r}; known: {', '.join(NAMES)}")
    found: functions.AnyFunction = getattr(functions, name.upper())
    return found


@cache
def describe(name: str) -> FunctionDescription:
    """The description of the function called `name`. Raises KeyError for an unknown one."""
    known = function_named(name)
    return FunctionDescription(
        name=known.name,
        description=known.description,
        version=known.version,
        cost=known.cost,
        input_schema=msgspec.json.schema(known.input_type),
        output_schema=msgspec.json.schema(known.output_type),
    )
