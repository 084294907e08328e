"""Single values as tools and people write them."""

import pytest
from planner.keyword_files import Intent, cells


@pytest.mark.parametrize(
    ("text", "volume"),
    [
        ("N/A", cells.Volume()),
        ("-", cells.Volume()),
        ("0", cells.Volume(0)),
        ("1,300", cells.Volume(1300)),
        ("1.300", cells.Volume(1300)),
        ("1 300", cells.Volume(1300)),
        ("1,234,567", cells.Volume(1_234_567)),
        ("1.3K", cells.Volume(1300)),
        ("1,3k", cells.Volume(1300)),
        ("2M", cells.Volume(2_000_000)),
        ("12.5", cells.Volume(13)),
        ("1K – 10K", cells.Volume(3162, 1000, 10_000, estimated=True)),
        ("10-100", cells.Volume(32, 10, 100, estimated=True)),
        ("0 – 10", cells.Volume(3, 0, 10, estimated=True)),
        ("1.000 bis 10.000", cells.Volume(3162, 1000, 10_000, estimated=True)),
        ("10 Tsd. – 100 Tsd.", cells.Volume(31_623, 10_000, 100_000, estimated=True)),
        ("<10", cells.Volume(3, 0, 10, estimated=True)),
        ("100+", cells.Volume(100, 100, None, estimated=True)),
    ],
)
def test_volume(text: str, volume: cells.Volume) -> None:
    assert cells.volume(text) == volume


@pytest.mark.parametrize("text", ["-5", "abc", "1e9", "3B", "100 – 10", "1..2", "1,2,3", "+", "<", "9" * 40])
def test_volume_that_makes_no_sense(text: str) -> None:
    with pytest.raises(cells.BadCell):
        cells.volume(text)


@pytest.mark.parametrize(
    ("text", "comma", "difficulty"),
    [("85.18", False, 85), ("85,5", True, 86), ("62 %", False, 62), ("", False, None), ("100", False, 100)],
)
def test_difficulty(text: str, comma: bool, difficulty: int | None) -> None:
    assert cells.difficulty(text, decimal_comma=comma) == difficulty


@pytest.mark.parametrize("text", ["100.5", "-1", "hard"])
def test_difficulty_outside_its_scale(text: str) -> None:
    with pytest.raises(cells.BadCell):
        cells.difficulty(text, decimal_comma=False)


@pytest.mark.parametrize(
    ("text", "comma", "price"),
    [
        ("8.50", False, ("8.50", None)),
        ("8,50", False, ("8.50", None)),
        ("$1,234.50", False, ("1234.50", "USD")),
        ("1.234,50 €", True, ("1234.50", "EUR")),
        ("1,234", False, ("1234", None)),
        ("1,234", True, ("1.234", None)),
        ("1,234,567.8", True, None),
        ("RM 3.39", False, ("3.39", "MYR")),
        ("n/a", False, (None, None)),
    ],
)
def test_price(text: str, comma: bool, price: tuple[str | None, str | None] | None) -> None:
    if price is None:
        with pytest.raises(cells.BadCell):
            cells.price(text, decimal_comma=comma)
    else:
        assert cells.price(text, decimal_comma=comma) == price


@pytest.mark.parametrize(
    ("text", "intents"),
    [
        ("Commercial, Informational", (Intent.COMMERCIAL, Intent.INFORMATIONAL)),
        ("1", (Intent.INFORMATIONAL,)),
        ("3,2", (Intent.TRANSACTIONAL, Intent.NAVIGATIONAL)),
        ("Informational,Commercial,Non-branded", (Intent.INFORMATIONAL, Intent.COMMERCIAL)),
        ("Branded", ()),
        ("T", (Intent.TRANSACTIONAL,)),
        ("commercial investigation", (Intent.COMMERCIAL,)),
        ("N/A", ()),
    ],
)
def test_intents(text: str, intents: tuple[Intent, ...]) -> None:
    assert cells.intents(text) == intents


def test_an_unknown_intent_is_refused() -> None:
    with pytest.raises(cells.BadCell):
        cells.intents("sideways")
