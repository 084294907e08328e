"""Every stored shape of every service is still readable, and today's shapes are on record."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from common.contracts.base import SERVICES
from common.eventsourcing.event import Event, EventTypes

from tests.support.golden import Goldens, golden_directory, types_of


@pytest.mark.parametrize("service", SERVICES)
def test_stored_shapes_of(service: str) -> None:
    assert Goldens(golden_directory(service)).complaints(types_of(service)) == []


class Moved(Event, frozen=True):
    to: str


class TestTheMechanism:
    """It must notice, and must not mend by itself."""

    def test_a_missing_file_is_noticed_and_written_on_request_only(self, tmp_path: Path) -> None:
        types = EventTypes((Moved,))
        assert Goldens(tmp_path).complaints(types) == ["Moved: has no golden file; --update-golden writes it"]
        assert list(tmp_path.iterdir()) == []
        (path,) = Goldens(tmp_path).add_missing(types)
        assert path.name == "Moved.1.json"
        assert Goldens(tmp_path).complaints(types) == []
        assert Goldens(tmp_path).add_missing(types) == []

    def test_a_changed_shape_is_noticed_and_gets_a_file_of_its_own(self, tmp_path: Path) -> None:
        Goldens(tmp_path).add_missing(EventTypes((Moved,)))
        before = (tmp_path / "Moved.1.json").read_bytes()
        types = EventTypes((moved(to=str, by=str | None),))
        assert "new shape" in Goldens(tmp_path).complaints(types)[-1]
        Goldens(tmp_path).add_missing(types)
        assert (tmp_path / "Moved.1.json").read_bytes() == before
        assert "by" in (tmp_path / "Moved.2.json").read_text()

    def test_an_old_shape_that_cannot_be_read_is_noticed_until_it_has_an_upcaster(
        self, tmp_path: Path
    ) -> None:
        Goldens(tmp_path).add_missing(EventTypes((Moved,)))
        now = moved(place=str)
        Goldens(tmp_path).add_missing(EventTypes((now,)))
        assert "Moved.1 is not readable any more" in Goldens(tmp_path).complaints(EventTypes((now,)))[0]

        def to_became_place(data: dict[str, Any]) -> dict[str, Any]:
            return data if "place" in data else {"place": data["to"]}

        assert Goldens(tmp_path).complaints(EventTypes((now,), {"Moved": (to_became_place,)})) == []

    def test_a_type_nobody_has_a_class_for_is_noticed(self, tmp_path: Path) -> None:
        Goldens(tmp_path).add_missing(EventTypes((Moved,)))
        assert "no class" in Goldens(tmp_path).complaints(EventTypes(()))[0]


def moved(**fields: Any) -> type[Event]:
    """Another age of `Moved`."""
    made = msgspec.defstruct("Moved", list(fields.items()), bases=(Event,), frozen=True)
    assert issubclass(made, Event)
    return made
