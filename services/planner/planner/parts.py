"""Long lists of a fact in parts, each of which fits into a message."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

PART_BYTES = 200_000
"""Of a message's 256 kB; the rest is for what surrounds the items."""

Item = TypeVar("Item", bound=msgspec.Struct)


def parts_of(items: Iterable[Item], part_bytes: int = PART_BYTES) -> list[tuple[Item, ...]]:
    """The items in parts of at most `part_bytes` as JSON, a larger item in one of its own; one empty part where there
    is none."""
    parts: list[list[Item]] = [[]]
    size = 0
    for item in items:
        weight = len(msgspec.json.encode(item))
        if parts[-1] and size + weight > part_bytes:
            parts.append([])
            size = 0
        parts[-1].append(item)
        size += weight
    return [tuple(part) for part in parts]
