"""A published version changes only so that everybody can still read it; the check itself finds every kind of break."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from common.contracts import ContractSpec, all_specs
from common.contracts import documents as generator
from common.contracts.base import Contract
from common.contracts.compatibility import breaks

Schema = dict[str, Any]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    kind: Literal["small", "large"]
    parts: tuple["Part", ...] = ()


class Assembled(Contract, frozen=True, kw_only=True):
    """A contract with every shape in it."""

    count: int
    label: str | None = None
    whole: Part | None
    parts: tuple[Part, ...]
    prices: dict[str, int]
    stage: Literal[1, 2] = 1
    part: Part


SPEC = ContractSpec(cls=Assembled, version=1, by=("writer",), heard_by=("billing",), topic=None)


def changed(change: Callable[[Schema], object]) -> list[str]:
    published = generator.schema_of(SPEC)
    now = deepcopy(published)
    change(now)
    return breaks(published, now)


def test_the_code_can_still_be_read_by_consumers_of_the_committed_schemas() -> None:
    now = {generator.schema_path(spec): generator.schema_of(spec) for spec in all_specs()}
    assert generator.incompatible(now) == []


def test_a_published_version_stays_in_the_code(tmp_path: Path) -> None:
    (tmp_path / generator.SCHEMAS).mkdir(parents=True)
    (tmp_path / generator.SCHEMAS / "Forgotten.v1.json").write_text("{}")
    assert generator.incompatible({}, tmp_path) == ["Forgotten.v1: published, but not in the code any more"]


def test_the_generator_refuses_to_write_over_a_published_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = next(iter(all_specs()))
    published = generator.schema_of(spec)
    published["properties"]["once_said"] = {"type": "string"}
    path = tmp_path / generator.schema_path(spec)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(published))
    monkeypatch.setattr(generator, "REPOSITORY", tmp_path)
    monkeypatch.setattr(generator.incompatible, "__defaults__", (tmp_path,))
    answer = generator.main([])
    assert answer is not None
    assert f"{path.stem}: once_said: removed" in answer
    assert json.loads(path.read_text()) == published


class TestIsCompatible:
    def test_when_nothing_changes_also_in_a_type_that_contains_itself(self) -> None:
        assert changed(lambda now: None) == []

    def test_when_a_field_with_a_default_is_added(self) -> None:
        assert (
            changed(lambda now: now["properties"].update(colour={"type": "string", "default": "red"})) == []
        )

    def test_when_texts_change(self) -> None:
        def reword(now: Schema) -> None:
            now["description"] = "Other words."
            now["$defs"]["Part"]["title"] = "Piece"

        assert changed(reword) == []

    def test_when_the_fields_come_in_another_order(self) -> None:
        def reorder(now: Schema) -> None:
            now["properties"] = dict(reversed(now["properties"].items()))
            now["required"] = sorted(now["required"], reverse=True)

        assert changed(reorder) == []

    def test_when_a_shared_struct_is_only_renamed(self) -> None:
        def rename(now: Schema) -> None:
            now["$defs"]["Piece"] = now["$defs"].pop("Part")
            text = json.dumps(now).replace("#/$defs/Part", "#/$defs/Piece")
            now.clear()
            now.update(json.loads(text))

        assert changed(rename) == []


BREAKS: dict[str, tuple[Callable[[Schema], object], str]] = {
    "removed field": (lambda now: now["properties"].pop("label"), "label: removed"),
    "removed required field": (
        lambda now: (now["properties"].pop("count"), now["required"].remove("count")),
        "count: removed",
    ),
    "new required field": (
        lambda now: (now["properties"].update(size={"type": "integer"}), now["required"].append("size")),
        "size: added without a default",
    ),
    "field became required": (lambda now: now["required"].append("label"), "label: became required"),
    "field is no longer required": (
        lambda now: now["required"].remove("count"),
        "count: is no longer required",
    ),
    "changed type": (
        lambda now: now["properties"]["count"].update(type="string"),
        "count type: changed from 'integer' to 'string'",
    ),
    "changed format": (
        lambda now: now["properties"]["count"].update(format="uuid"),
        "count format: changed from None to 'uuid'",
    ),
    "narrowed enum": (
        lambda now: now["properties"]["stage"].update(enum=[1]),
        "stage enum: changed from [1, 2] to [1]",
    ),
    "widened enum, which old decoders refuse": (
        lambda now: now["$defs"]["Part"]["properties"]["kind"].update(enum=["large", "small", "tiny"]),
        "whole anyOf[0].kind enum: changed from ['large', 'small'] to ['large', 'small', 'tiny']",
    ),
    "changed default": (
        lambda now: now["properties"]["stage"].update(default=2),
        "stage default: changed from 1 to 2",
    ),
    "no longer nullable": (
        lambda now: now["properties"]["label"].update(anyOf=[{"type": "string"}]),
        "label anyOf: changed from",
    ),
    "became nullable": (
        lambda now: now["properties"].update(count={"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        "count anyOf: changed from None",
    ),
    "changed values of a map": (
        lambda now: now["properties"]["prices"].update(additionalProperties={"type": "string"}),
        "prices additionalProperties type: changed",
    ),
    "changed items": (
        lambda now: now["properties"]["parts"].update(items={"type": "string"}),
        "parts items",
    ),
    "field removed deep inside": (
        lambda now: now["$defs"]["Part"]["properties"].pop("parts"),
        "parts items.parts: removed",
    ),
    "struct became a scalar": (
        lambda now: now["properties"].update(part={"type": "string"}),
        "part type: changed from 'object' to 'string'",
    ),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_finds(kind: str) -> None:
    change, expected = BREAKS[kind]
    assert any(found.startswith(expected) for found in changed(change)), changed(change)
