"""What may change in a published event version: only fields with a default may be added, and texts."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

TEXTS = frozenset({"$schema", "$id", "$defs", "title", "description"})
"""Keywords that no reader depends on; definitions count where they are referred to."""


def breaks(published: Schema, now: Schema) -> list[str]:
    """Why a version may not change from `published` to `now` (two JSON Schemas); empty where it may.

    Both directions count: a consumer built on `published` reads what is said now, and one built on `now` reads what
    was said before, since `republish` and catching up say old facts again. Decoders are strict, so an enum may
    neither grow nor shrink; a decoder fills in a default, so a default may not change.
    """
    return list(_compare(published, now, "", (published, now), frozenset()))


def _compare(
    old: Any, new: Any, path: str, roots: tuple[Schema, Schema], seen: frozenset[tuple[str, str]]
) -> Iterator[str]:
    if not isinstance(old, dict) or not isinstance(new, dict):
        if old != new:
            yield f"{path or 'the event'}: changed from {old!r} to {new!r}"
        return
    pair = (old.get("$ref", ""), new.get("$ref", ""))
    if pair in seen:  # a type that contains itself
        return
    if any(pair):
        seen |= {pair}
        old, new = _resolve(old, roots[0]), _resolve(new, roots[1])
    yield from _fields(old, new, path, roots, seen)
    for keyword in sorted((old.keys() | new.keys()) - TEXTS - {"properties", "required"}):
        at = f"{path} {keyword}".strip()
        before, after = old.get(keyword), new.get(keyword)
        if keyword in ("anyOf", "prefixItems") and before and after and len(before) == len(after):
            for index, (one, other) in enumerate(zip(before, after, strict=True)):
                yield from _compare(one, other, f"{at}[{index}]", roots, seen)
        elif keyword in ("items", "additionalProperties"):
            yield from _compare(before, after, at, roots, seen)
        elif before != after or type(before) is not type(after):
            yield f"{at}: changed from {before!r} to {after!r}"


def _fields(
    old: Schema, new: Schema, path: str, roots: tuple[Schema, Schema], seen: frozenset[tuple[str, str]]
) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    required_before, required_after = set(old.get("required", ())), set(new.get("required", ()))
    for name in before:
        field = f"{path}.{name}".lstrip(".")
        if name not in after:
            yield f"{field}: removed"
            continue
        if (name in required_before) != (name in required_after):
            yield f"{field}: {'became required' if name in required_after else 'is no longer required'}"
        yield from _compare(before[name], after[name], field, roots, seen)
    for name in sorted(after.keys() - before.keys()):
        if name in required_after:
            yield f"{path}.{name}".lstrip(".") + ": added without a default"


def _resolve(schema: Schema, root: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    target: Schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return target | {key: value for key, value in schema.items() if key != "$ref"}
