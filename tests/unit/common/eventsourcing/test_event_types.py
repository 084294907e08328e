"""Stored facts stay readable: today's shape by the fast path, older ones through their upcasters."""

from typing import Any
from uuid import UUID

import msgspec
import pytest
from common.eventsourcing.event import Event, EventTypes, Meta, UnknownEvent, merge_types

SITE = UUID("018f0000-0000-7000-8000-000000000001")


class SiteNamed(Event, frozen=True):
    site_id: UUID
    name: str
    locale: str = ""


class SiteClosed(Event, frozen=True):
    site_id: UUID


def _title_became_name(data: dict[str, Any]) -> dict[str, Any]:
    return data if "name" in data else {**data, "name": data["title"]}


def _locale_was_english(data: dict[str, Any]) -> dict[str, Any]:
    return {"locale": "en", **data}


TYPES = EventTypes(
    (SiteNamed, SiteClosed),
    {"SiteNamed": (_title_became_name, _locale_was_english), "SiteRenamed": (_locale_was_english,)},
    {"SiteRenamed": "SiteNamed"},
)


@pytest.mark.parametrize(
    ("stored_as", "stored"),
    [
        ("SiteNamed", {"site_id": str(SITE), "title": "Acme"}),
        ("SiteNamed", {"site_id": str(SITE), "name": "Acme"}),
        ("SiteNamed", {"site_id": str(SITE), "name": "Acme", "locale": "en"}),
        ("SiteRenamed", {"site_id": str(SITE), "name": "Acme"}),
    ],
)
def test_every_shape_it_ever_had_reads_as_todays(stored_as: str, stored: dict[str, Any]) -> None:
    today = SiteNamed(SITE, "Acme", "en")
    assert TYPES.decode(stored_as, stored) == today
    assert TYPES.decode_json(stored_as, msgspec.json.encode(stored)) == today


def test_without_upcasters_both_ways_of_reading_agree() -> None:
    stored = {"site_id": str(SITE)}
    assert TYPES.decode("SiteClosed", stored) == SiteClosed(SITE)
    for _ in range(2):  # the second time the decoder is there already
        assert TYPES.decode_json("SiteClosed", msgspec.json.encode(stored)) == SiteClosed(SITE)


def test_a_type_nobody_has_a_class_for_is_named() -> None:
    with pytest.raises(UnknownEvent, match="SiteSold"):
        TYPES.decode("SiteSold", {})
    with pytest.raises(UnknownEvent, match="SiteSold"):
        TYPES.decode_json("SiteSold", b"{}")


def test_data_that_does_not_fit_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="site_id"):
        TYPES.decode_json("SiteClosed", b"{}")
    with pytest.raises(msgspec.ValidationError, match="site_id"):
        TYPES.decode("SiteClosed", {"site_id": 7})


def test_merged_types_read_what_each_of_them_reads() -> None:
    class TaskDone(Event, frozen=True):
        number: int

    merged = merge_types([TYPES, EventTypes((TaskDone,)), TYPES])
    assert merged.decode("TaskDone", {"number": 1}) == TaskDone(1)
    assert merged.decode("SiteRenamed", {"site_id": str(SITE), "name": "A"}) == SiteNamed(SITE, "A", "en")


def test_two_aggregates_cannot_store_under_one_name() -> None:
    other = type("SiteClosed", (Event,), {"__annotations__": {"reason": str}}, frozen=True)
    with pytest.raises(ValueError, match="SiteClosed"):
        merge_types([TYPES, EventTypes((other,))])


def test_meta_is_written_without_what_nobody_said() -> None:
    assert msgspec.json.encode(Meta()) == b"{}"
    meta = Meta(correlation_id=SITE, actor="user:1", request_id="r")
    assert msgspec.json.decode(msgspec.json.encode(meta), type=Meta) == meta
