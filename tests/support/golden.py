"""Golden files: one for each shape in which a service has ever stored an event.

`tests/unit/<service>/golden/<Type>.<n>.json` is the stored data of shape n (1 is the oldest), n + 1 appears when the
class changes. They are written by `python -m tests.support.golden --update-golden` alone, which adds what is missing and
never touches a file that is there: what was released stays readable for ever.
"""

import sys
from collections import defaultdict
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
from common.contracts.base import SERVICES
from common.eventsourcing.event import Event, EventTypes
from msgspec import inspect

UNIT = Path(__file__).parents[1] / "unit"


def golden_directory(service: str) -> Path:
    return UNIT / service / "golden"


def types_of(service: str) -> EventTypes:
    """All stored types of a service, by its deciders."""
    types: EventTypes = import_module(f"{service}.app").SERVICE.model.types
    return types


class Goldens:
    """The golden files of one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        found: dict[str, dict[int, Any]] = defaultdict(dict)
        for path in directory.glob("*.json"):
            name, number, _ = path.name.rsplit(".", 2)
            found[name][int(number)] = msgspec.json.decode(path.read_bytes())
        self.shapes = {name: [by_number[n] for n in sorted(by_number)] for name, by_number in found.items()}
        """By stored type name, the oldest first."""

    def complaints(self, types: EventTypes) -> list[str]:
        """What is wrong between the files and the code; empty when each shape reads and today's has its file."""
        return [*self._unreadable(types), *(f"{name}: {why}" for name, why in self._missing(types).items())]

    def add_missing(self, types: EventTypes) -> list[Path]:
        """Write today's shape where no file has it; returns what was written."""
        classes = {cls.__name__: cls for cls in types.classes}
        written = []
        for name in self._missing(types):
            number = len(self.shapes.get(name, ())) + 1
            path = self.directory / f"{name}.{number}.json"
            self.directory.mkdir(parents=True, exist_ok=True)
            with path.open("x") as file:
                file.write(
                    msgspec.json.format(msgspec.json.encode(example(classes[name])), indent=2).decode()
                )
                file.write("\n")
            written.append(path)
        return written

    def _unreadable(self, types: EventTypes) -> list[str]:
        complaints = []
        for name, shapes in sorted(self.shapes.items()):
            for number, data in enumerate(shapes, 1):
                try:
                    event = types.decode_json(name, msgspec.json.encode(data))
                    again = types.decode_json(type(event).__name__, msgspec.json.encode(event))
                except Exception as error:
                    complaints.append(
                        f"{name}.{number} is not readable any more: {error}; it needs an upcaster"
                    )
                else:
                    if again != event:
                        complaints.append(f"{name}.{number} reads differently once it is stored again")
        return complaints

    def _missing(self, types: EventTypes) -> dict[str, str]:
        missing = {}
        for cls in types.classes:
            today = msgspec.json.decode(msgspec.json.encode(example(cls)))
            shapes = self.shapes.get(cls.__name__, [])
            if not shapes:
                missing[cls.__name__] = "has no golden file; --update-golden writes it"
            elif _shape(today) not in [_shape(data) for data in shapes]:
                missing[cls.__name__] = "has a new shape; --update-golden adds its file, old ones stay"
        return missing


def example(cls: type[Event]) -> Event:
    """An event with every field filled in, always the same."""
    return msgspec.convert(_example(inspect.type_info(cls)), cls)


def _example(kind: inspect.Type) -> Any:
    match kind:
        case inspect.StructType(fields=fields, tag=tag, tag_field=tag_field):
            data = {field.encode_name: _example(field.type) for field in fields}
            return {tag_field: tag, **data} if tag_field else data
        case inspect.UnionType(types=types):
            return _example(next(member for member in types if not isinstance(member, inspect.NoneType)))
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return [_example(item)]
        case inspect.SetType(item_type=item) | inspect.FrozenSetType(item_type=item):
            return [_example(item)]
        case inspect.TupleType(item_types=items):
            return [_example(item) for item in items]
        case inspect.DictType(key_type=key, value_type=value):
            return {_example(key): _example(value)}
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.EnumType(cls=cls):
            return next(iter(cls)).value
        case inspect.UUIDType():
            return "018f4e2a-7c00-7000-8000-000000000001"
        case inspect.DateTimeType():
            return "2026-01-02T03:04:05.678901Z"
        case inspect.DateType():
            return "2026-01-02"
        case inspect.DecimalType():
            return "1.25"
        case inspect.BoolType():
            return True
        case inspect.IntType():
            return 7
        case inspect.FloatType():
            return 0.5
        case inspect.StrType() | inspect.AnyType():
            return "text"
        case _:
            raise NotImplementedError(f"no example for {kind}")


def _shape(data: Any) -> Any:
    """Names and JSON kinds, whatever the values."""
    match data:
        case dict():
            return {name: _shape(value) for name, value in data.items()}
        case list():
            return [_shape(value) for value in data[:1]]
        case _:
            return type(data).__name__


def main(arguments: list[str]) -> int:
    if arguments != ["--update-golden"]:
        print(__doc__)
        return 2
    for service in SERVICES:
        for path in Goldens(golden_directory(service)).add_missing(types_of(service)):
            print(path.relative_to(UNIT))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
