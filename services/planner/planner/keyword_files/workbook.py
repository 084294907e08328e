"""XLSX workbooks, sheet by sheet and row by row, guarded against files that unpack to far more than they are."""

import zlib
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from zipfile import BadZipFile, ZipFile

from planner.keyword_files.model import KeywordFileRefused, Limits, RefusalCode
from planner.keyword_files.records import Record

if TYPE_CHECKING:
    from openpyxl import Workbook

_MAX_ROWS = 1_048_576  # of a sheet, by the format; a row number above it would loop over the rows between
_MAX_COLUMNS = 256  # the widest export has about 40; wider cells would only cost memory

# What zipfile, zlib and openpyxl raise on broken files; XML errors are syntax errors.
_DAMAGE = (
    BadZipFile,
    KeyError,
    ValueError,
    TypeError,
    OSError,
    SyntaxError,
    EOFError,
    NotImplementedError,
    zlib.error,
)


class WorkbookSheet:
    """One sheet; every pass opens the workbook anew."""

    encoding = "xlsx"
    delimiter: str | None = None

    def __init__(self, path: Path, name: str, sheet: str) -> None:
        self._path = path
        self._name = name
        self.sheet: str | None = sheet

    def records(self) -> Iterator[Record]:
        try:
            with self._path.open("rb") as file:
                workbook = _load(file)
                sheet = workbook[self.sheet or ""]
                sheet.reset_dimensions()  # what the file claims can be any size
                rows = sheet.iter_rows(max_row=_MAX_ROWS, max_col=_MAX_COLUMNS, values_only=True)
                for number, values in enumerate(rows, start=1):
                    width = next((at for at in range(len(values), 0, -1) if values[at - 1] is not None), 0)
                    yield Record(number, [_text(value) for value in values[:width]])
        except _DAMAGE as error:
            raise _damaged(self._name) from error


def _load(file: BinaryIO) -> "Workbook":
    """Without a workbook nobody pays for openpyxl, which comes with numpy: half a second and 20 MB."""
    from openpyxl import load_workbook

    return load_workbook(file, read_only=True, data_only=True, keep_links=False)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def open_sheets(path: Path, name: str, limits: Limits) -> list[WorkbookSheet]:
    """The workbook's sheets in their order.

    Raises `KeywordFileRefused` for a ZIP that is no workbook, a damaged one and one that unpacks too large.
    """
    try:
        with ZipFile(path) as archive:
            _check(archive, name, limits)
        with path.open("rb") as file:
            workbook = _load(file)
            titles = [sheet.title for sheet in workbook.worksheets]
            workbook.close()
    except _DAMAGE as error:
        raise _damaged(name) from error
    return [WorkbookSheet(path, name, title) for title in titles]


def _is_sheet(part: str) -> bool:
    return part.startswith("xl/worksheets/") and part.endswith(".xml")


def _check(archive: ZipFile, name: str, limits: Limits) -> None:
    parts = {part.filename: part.file_size for part in archive.infolist()}
    if "[Content_Types].xml" not in parts or not any(_is_sheet(part) for part in parts):
        csv_files = [part for part in parts if part.casefold().endswith((".csv", ".tsv", ".xlsx"))][:5]
        inside = f" ({', '.join(csv_files)})" if csv_files else ""
        raise KeywordFileRefused(
            RefusalCode.BINARY,
            f"{name} is a ZIP archive, not an XLSX workbook. Unpack it and import the file inside{inside}.",
            {"contains": csv_files},
        )
    # A part never unpacks to more than the size it declares: the reader stops there.
    unpacked, others = sum(parts.values()), sum(size for part, size in parts.items() if not _is_sheet(part))
    if unpacked > limits.max_unpacked_bytes or others > limits.max_workbook_parts_bytes:
        raise KeywordFileRefused(
            RefusalCode.TOO_LARGE,
            f"{name} unpacks to {unpacked:,} bytes, more than is accepted ({limits.max_unpacked_bytes:,}, of which "
            f"{limits.max_workbook_parts_bytes:,} outside the sheets). Save only the keyword sheet, best as CSV.",
            {"unpacked_bytes": unpacked, "limit_bytes": limits.max_unpacked_bytes},
        )


def _damaged(name: str) -> KeywordFileRefused:
    return KeywordFileRefused(
        RefusalCode.BINARY,
        f"{name} looks like an XLSX workbook but cannot be read: it is damaged or protected by a password. "
        "Save it again as XLSX without a password, or as CSV.",
    )
