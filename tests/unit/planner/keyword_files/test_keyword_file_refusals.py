"""Files that are refused whole, each with what is wrong, where, and what to do."""

from io import BytesIO
from pathlib import Path
from random import Random
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from openpyxl import Workbook
from planner.keyword_files import KeywordFileRefused, Limits, RefusalCode, read_keywords

from tests.unit.planner.keyword_files.keyword_tables import Read, write


def zipped(**parts: bytes) -> bytes:
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def refusal(path: Path, limits: Limits | None = None) -> KeywordFileRefused:
    with pytest.raises(KeywordFileRefused) as caught:
        read_keywords(path, filename="theirs.csv", limits=limits)
    assert caught.value.message.startswith("theirs.csv")
    return caught.value


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", RefusalCode.EMPTY),
        (b"\xef\xbb\xbf\r\n \r\n", RefusalCode.EMPTY),
        (b"\xff\xfe", RefusalCode.EMPTY),
        (b"Keyword,Volume\r\n,\r\n", RefusalCode.EMPTY),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), RefusalCode.BINARY),
        (b"%PDF-1.7\nKeyword\nloan", RefusalCode.BINARY),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), RefusalCode.BINARY),
        (bytes(range(256)) * 20, RefusalCode.BINARY),
        (b"\x01\x02\x03\x04\x05" * 50, RefusalCode.BINARY),
        (zipped(**{"Queries.csv": b"Keyword\nloan\n"}), RefusalCode.BINARY),
        (b"PK\x03\x04 but then nothing", RefusalCode.BINARY),
        (zipped(**{"[Content_Types].xml": b"<no", "xl/worksheets/sheet1.xml": b"<no"}), RefusalCode.BINARY),
        ("Keyword\nloan\n".encode("utf-16") + b"\x00", RefusalCode.UNDECODABLE),
        (b"Keyword\n" + Random(7).randbytes(3000).replace(b"\0", b" "), RefusalCode.UNDECODABLE),
    ],
)
def test_refuses(tmp_path: Path, content: bytes, code: RefusalCode) -> None:
    path = tmp_path / "upload"
    path.write_bytes(content)
    assert refusal(path).code is code


def test_names_the_headers_it_found(tmp_path: Path) -> None:
    refused = refusal(write(tmp_path / "a.csv", "Name;Price;Keyword Stats\nloan;3;4\n"))
    assert refused.code is RefusalCode.NO_KEYWORD_COLUMN
    assert refused.details["headers"] == ["Name", "Price", "Keyword Stats"]
    assert "Name, Price, Keyword Stats" in refused.message


def test_names_the_file_inside_an_archive(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(**{"Queries.csv": b"Keyword\nloan\n"}))
    assert "Queries.csv" in refusal(tmp_path / "a.zip").message


def test_says_when_there_is_no_such_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "missing.csv").code is RefusalCode.UNREADABLE
    assert refusal(tmp_path).code is RefusalCode.UNREADABLE


def test_sizes_and_rows_have_exact_limits(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Keyword\none\n\ntwo\n")
    size = path.stat().st_size
    assert Read(path, Limits(max_bytes=size, max_rows=2)).keywords == ["one", "two"]
    assert refusal(path, Limits(max_bytes=size - 1)).code is RefusalCode.TOO_LARGE
    assert refusal(path, Limits(max_rows=1)).code is RefusalCode.TOO_MANY_ROWS


def test_a_workbook_that_unpacks_too_large_is_not_opened(tmp_path: Path) -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(["Keyword"])
    book.active.append(["loan"])
    path = tmp_path / "bomb.xlsx"
    book.save(path)
    assert Read(path).keywords == ["loan"]
    with ZipFile(path, "a", ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet2.xml", bytes(5_000_000))
    assert refusal(path, Limits(max_unpacked_bytes=4_000_000)).code is RefusalCode.TOO_LARGE
    with ZipFile(path, "a", ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/image1.bin", bytes(5_000_000))
    assert refusal(path, Limits(max_workbook_parts_bytes=4_000_000)).code is RefusalCode.TOO_LARGE
