"""Files of staff: read whole or refused whole, each row at fault named."""

import pytest
from common.api.errors import ApiError
from gateway import staff_files
from gateway.industries.api import slug_and_name
from gateway.seed_keywords.api import _intent, _number
from gateway.staff_files import (
    Row,
    RowFault,
    RowRefused,
    line_of_text,
    optional_text,
    read_rows,
    take,
    yes_or_no,
)

COLUMNS = ("name", "count")


def rows(text: str | bytes) -> list[tuple[int, str, str]]:
    body = text.encode() if isinstance(text, str) else text
    return [(row.line, row.cells["name"], row.cells["count"]) for row in read_rows(body, COLUMNS, ("name",))]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_are_read_by_their_header(delimiter: str, end: str) -> None:
    lines = [" COUNT {} Name ", "1{} a ", "", " {}", '2{}"b{}c"', "{}d"]
    text = end.join(line.replace("{}", delimiter) for line in lines)
    assert rows("\ufeff" + text) == [(2, "a", "1"), (5, f"b{delimiter}c", "2"), (6, "d", "")]


def test_a_row_may_lack_cells_and_a_file_columns() -> None:
    assert rows("name,count\na\n") == rows("name\na\n") == [(2, "a", "")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"name\n\xff\xfe", "no UTF-8 at byte 5"),
        ("", "no column name"),
        ("\n", "no column name"),
        ("count\n1", "no column name; the columns are name, count"),
        ("name,size\na,1", "'size' that is not known"),
        ("name,name\na,b", "twice"),
        ("name,count\n,\n \n", "no row below"),
        ('name\n"a\nb', "line 3: unexpected end of data: check the quotes"),
        ('name\n"a"b', "line 2"),
        ("name\n" + "a" * 200_000, "field larger than"),
    ],
)
def test_what_cannot_be_read_is_refused_whole(text: str | bytes, why: str) -> None:
    with pytest.raises(ApiError, match=why) as refused:
        rows(text)
    assert (refused.value.status, list(refused.value.errors or {})) == (400, ["file"])


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staff_files, "MOST_ROWS", 2)
    assert len(rows("name\na\nb\n")) == 2
    with pytest.raises(ApiError, match="more than 2 rows"):
        rows("name\na\nb\nc\n")


def test_rows_at_fault_are_named_and_the_first_of_a_key_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staff_files, "MOST_ERRORS", 2)
    read = read_rows(b"name,count\na,1\nb,\x07\na,2\nc,3,4\nd,x\n", COLUMNS, ("name",))
    taken = take(read, lambda row: (row.cells["name"], row.read("count", int)))
    outcome = taken.outcome(new=1, changed=0)
    assert taken.entries == {"a": 1}
    assert (outcome.read, outcome.new, outcome.duplicates, outcome.failed) == (5, 1, 1, 3)
    assert outcome.errors == [
        RowFault(
            line=3,
            column="count",
            value="\ufffd",
            reason="invalid literal for int() with base 10: '\\x07'",
        ),
        RowFault(
            line=5,
            column=None,
            value="4",
            reason="more cells than headers: put quotes around a value that holds the separator",
        ),
    ]


def test_a_cell_is_refused_with_its_column() -> None:
    with pytest.raises(RowRefused, match="is needed") as refused:
        Row(1, {"name": " "}).read("name", line_of_text)
    assert (refused.value.column, refused.value.value) == ("name", " ")


def test_texts_are_one_line_that_can_be_shown() -> None:
    assert line_of_text(" a\n b ") == "a b"
    assert optional_text("") == ""
    for wrong in ("a\x00b", "x" * 1_001):
        with pytest.raises(ValueError, match=r"cannot be shown|characters"):
            optional_text(wrong)
    with pytest.raises(ValueError, match="200"):
        line_of_text("x" * 201)


def test_other_cells() -> None:
    assert [yes_or_no(text) for text in ("", "Yes", "1", "TRUE", "no", "0", "False")] == [True] * 4 + [
        False
    ] * 3
    assert [_number(text, 100) for text in ("", "0", "100")] == [None, 0, 100]
    assert [_intent(text) for text in ("", "Commercial")] == [None, "commercial"]
    assert slug_and_name(" Real   Estate ") == ("real-estate", "Real Estate")
    assert slug_and_name("X") == ("x", "X")
    for parse, wrong in (
        (yes_or_no, "perhaps"),
        (lambda text: _number(text, 100), "101"),
        (lambda text: _number(text, 100), "-1"),
        (lambda text: _number(text, 100), "1.5"),
        (lambda text: _number(text, 100), "٣"),
        (lambda text: _number(text, 10**12), "9" * 50),
        (_intent, "to buy"),
        (slug_and_name, "日本"),
    ):
        with pytest.raises(ValueError, match=r"must be|needs a Latin"):
            parse(wrong)
