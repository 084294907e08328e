"""Texts with places in braces that a function's input fills: `{word_count}`; `{{` and `}}` stand for braces."""

from __future__ import annotations

from collections.abc import Iterator
from string import Formatter

import msgspec


def placeholders(template: str) -> Iterator[str]:
    """Every place, as it is written between its braces. Raises ValueError for a brace without its other half."""
    for _, name, specification, conversion in Formatter().parse(template):
        if name is not None:
            yield (
                name
                + (f"!{conversion}" if conversion else "")
                + (f":{specification}" if specification else "")
            )


def render(template: str, input: msgspec.Struct) -> str:
    """The text with every place filled in; a place that the input has nothing for stays as it is written."""
    values = {name: _shown(value) for name, value in msgspec.structs.asdict(input).items()}
    parts = []
    for text, name, _, _ in Formatter().parse(template):
        parts += [text, "" if name is None else values.get(name, f"{{{name}}}")]
    return "".join(parts)


def literal(text: str) -> str:
    """`text` as a template that renders to it."""
    return text.replace("{", "{{").replace("}", "}}")


def _shown(value: object) -> str:
    return ", ".join(str(each) for each in value) if isinstance(value, list) else str(value)
