"""Whatever encoding and delimiter a file is written in, the same keywords come back, in constant memory."""

import codecs
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from planner.keyword_files import normalise

from tests.support import untraced
from tests.unit.planner.keyword_files.keyword_tables import Read, table, write

UNICODE = {
    "utf-8": ("utf-8", b""),
    "utf-8 with mark": ("utf-8", codecs.BOM_UTF8),
    "utf-16-le": ("utf-16-le", b""),
    "utf-16-be": ("utf-16-be", b""),
    "utf-16-le with mark": ("utf-16-le", codecs.BOM_UTF16_LE),
    "utf-16-be with mark": ("utf-16-be", codecs.BOM_UTF16_BE),
}
WORDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)
KEYWORDS = st.lists(
    st.lists(WORDS, min_size=1, max_size=4).map(lambda words: unicodedata.normalize("NFC", " ".join(words))),
    min_size=1,
    max_size=20,
    unique_by=normalise,
)


@settings(max_examples=200, deadline=None)
@example(["\u0100 \u0100"], "utf-16-be", ",")  # zero bytes on both sides
@example(["\u0100 \u0100"], "utf-16-le", ",")
@given(KEYWORDS, st.sampled_from(sorted(UNICODE)), st.sampled_from([",", ";", "\t", "|"]))
def test_what_is_written_is_read_back(keywords: list[str], form: str, delimiter: str) -> None:
    encoding, mark = UNICODE[form]
    rows = [("Keyword", "Volume"), *((keyword, str(at)) for at, keyword in enumerate(keywords))]
    with TemporaryDirectory() as directory:
        path = Path(directory) / "keywords.csv"
        path.write_bytes(mark + table(rows, delimiter).encode(encoding))
        read = Read(path)
    assert [(row.keyword, row.volume) for row in read.rows] == list(
        zip(keywords, range(len(keywords)), strict=True)
    )
    assert (read.errors, read.report.delimiter) == ([], delimiter)


@given(st.text())
def test_the_key_is_the_same_for_itself_and_for_every_spelling(text: str) -> None:
    key = normalise(text)
    assert normalise(key) == key
    assert normalise(f"  {unicodedata.normalize('NFD', text)}\t") == key


def test_the_key_ignores_case_spacing_and_composition() -> None:
    assert normalise("  Cafe\u0301\u00a0 LOAN ") == normalise("CAFÉ loan") == "café loan"
    assert normalise("STRASSE") == normalise("Straße")
    assert normalise("loan") != normalise("loans")


@pytest.mark.parametrize(
    ("encoding", "keyword"),
    [
        ("cp1252", "kredit für größere Bagger"),
        ("cp1252", "müller"),
        ("cp1252", "crédit d’équipement – 10 €"),
        ("cp1251", "купить грузовик в кредит"),
        ("cp1250", "pożyczka na samochód ciężarowy"),
        ("gb18030", "货车贷款马来西亚"),
        ("cp932", "設備ファイナンス"),
    ],
)
def test_code_pages_are_read_and_warned_about(tmp_path: Path, encoding: str, keyword: str) -> None:
    read = Read(write(tmp_path / "a.csv", f"Keyword,Volume\n{keyword},10\nplain,20\n", encoding))
    assert read.keywords == [keyword, "plain"]
    assert (read.report.encoding, len(read.report.warnings)) == (encoding, 1)


def test_an_accent_far_behind_the_first_block_is_still_found(tmp_path: Path) -> None:
    filler = "x" * 1_000
    lines = "".join(f"keyword number {at},{at},{filler}\n" for at in range(2_000))
    read = Read(write(tmp_path / "a.csv", f"Keyword,Volume,Notes\n{lines}kredit für alle,1,\n", "cp1252"))
    assert (read.keywords[-1], read.errors) == ("kredit für alle", [])


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    filler = "x" * 800
    with (tmp_path / "a.csv").open("w") as file:
        file.write("Keyword,Volume,Notes\n")
        file.writelines(f"keyword number {at},{at},{filler}\n" for at in range(25_000))
    assert (tmp_path / "a.csv").stat().st_size > 20_000_000
    rows, peak = untraced.numbers(MEASURED, str(tmp_path / "a.csv"))
    assert rows == 25_000
    assert peak < 5_000_000  # the digests of 25,000 keywords are about 3 MB


MEASURED = """
import sys, tracemalloc
from pathlib import Path
from planner.keyword_files import KeywordRow, read_keywords

tracemalloc.start()
rows = sum(isinstance(row, KeywordRow) for row in read_keywords(Path(sys.argv[1])))
print(rows, tracemalloc.get_traced_memory()[1])
"""
