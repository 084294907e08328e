"""Reads a keyword file: what it is first, then keyword by keyword."""

import re
from collections.abc import Callable, Iterator
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import TypeVar

from common.keyword_text import UnusableText, clean, normalise

from planner.keyword_files import cells
from planner.keyword_files.columns import Layout, detect_tool, find_layout, headers_found
from planner.keyword_files.delimited import DELIMITERS, DelimitedFile
from planner.keyword_files.encoding import detect_encoding
from planner.keyword_files.model import (
    FileReport,
    KeywordFileRefused,
    KeywordRow,
    Limits,
    RefusalCode,
    RowError,
    Tally,
    Tool,
)
from planner.keyword_files.records import Record, Table
from planner.keyword_files.workbook import open_sheets

SEARCH_CONSOLE_CUT = 1_000  # Search Console exports no more rows than these
T = TypeVar("T")
_MAX_LOCALE = 64  # country, language and place names are shorter
_NOTE = re.compile(r"[-*•–]\s|.*:\Z")
_SIGNATURES = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old or password-protected Excel file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
)


class KeywordFile:
    """A recognised keyword file. Iterate for its rows, as often as needed; each pass reads the file anew.

    Repeated keywords (Semrush positions lists one per URL) are folded into their first row and never summed. A pass
    holds 16 bytes of digest for each keyword and nothing else of the file. `tally` counts the latest pass.
    """

    def __init__(self, table: Table, layout: Layout, report: FileReport) -> None:
        self.report = report
        self.tally = Tally()
        self._table = table
        self._layout = layout
        self._impressions = layout.volume_is_impressions
        self._currency = layout.currency

    def __iter__(self) -> Iterator[KeywordRow | RowError]:
        self.tally = tally = Tally()
        seen: set[bytes] = set()
        for record in _data(self._table, self._layout):
            try:
                row = self._row(record)
            except _RowRefused as refused:
                tally.errors += 1
                yield refused.error
                continue
            key = blake2b(normalise(row.keyword).encode(), digest_size=16).digest()
            if key in seen:
                tally.duplicates += 1
                continue
            seen.add(key)
            tally.keywords += 1
            yield row

    def _row(self, record: Record) -> KeywordRow:
        layout, report = self._layout, self.report
        if record.fault is not None:
            raise _RowRefused(RowError(record.line, None, "", record.fault))
        if report.delimiter is not None and any(cell.strip() for cell in record.cells[len(layout.headers) :]):
            reason = (
                f"{len(record.cells)} cells under {len(layout.headers)} headers: put quotes around a value that "
                f"contains {_spoken(report.delimiter)}"
            )
            raise _RowRefused(
                RowError(record.line, None, _shown(report.delimiter.join(record.cells)), reason)
            )
        # Semrush's API writes decimal points between semicolons; spreadsheets that write semicolons do not.
        comma = report.delimiter == ";" and report.tool is not Tool.SEMRUSH_API

        def read(field: str, parse: Callable[[str], T]) -> T:
            at = layout.index.get(field)
            value = record.cells[at] if at is not None and at < len(record.cells) else ""
            try:
                return parse(value)
            except ValueError as error:
                column = layout.headers[at] if at is not None else None
                raise _RowRefused(RowError(record.line, column, _shown(value), str(error))) from None

        keyword = read("keyword", lambda value: _keyword(value, record, layout))
        volume = read("volume", cells.volume)
        intents = read("intent", cells.intents)
        cpc, sign = read("cpc", lambda value: cells.price(value, decimal_comma=comma))
        currency = read("currency", cells.currency)
        return KeywordRow(
            line=record.line,
            keyword=keyword,
            volume=volume.value,
            volume_low=volume.low,
            volume_high=volume.high,
            volume_estimated=volume.estimated or (self._impressions and volume.value is not None),
            difficulty=read("difficulty", lambda value: cells.difficulty(value, decimal_comma=comma)),
            intent=intents[0] if intents else None,
            intents=intents,
            cpc=cpc,
            cpc_currency=(currency or sign or self._currency) if cpc is not None else None,
            locale=read("locale", _locale),
            source=report.tool,
        )


class _RowRefused(Exception):
    def __init__(self, error: RowError) -> None:
        super().__init__(error.reason)
        self.error = error


def _keyword(value: str, record: Record, layout: Layout) -> str:
    keyword = clean(value)
    others = sum(1 for cell in record.cells if cell.strip()) - 1
    if len(layout.index) > 1 and not others and _looks_like_a_note(value):
        raise UnusableText("this reads like a note beside the table, not like a keyword: remove the line")
    return keyword


def _looks_like_a_note(line: str) -> bool:
    """Whether a line that has nothing but its first cell is a remark below the table: "- …", "• …" or "…:"."""
    return bool(_NOTE.match(line.strip()))


def _locale(value: str) -> str | None:
    if cells.is_unknown(value):
        return None
    locale = " ".join(value.split())
    if len(locale) > _MAX_LOCALE or not locale.isprintable():
        raise cells.BadCell(f"a country or language is at most {_MAX_LOCALE} printable characters")
    return locale


def _shown(value: str) -> str:
    """A value short enough for a list of errors, and without what a terminal or a jsonb column would not take."""
    shown = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in value
    )
    return shown if len(shown) <= 100 else shown[:99] + "…"


def _spoken(delimiter: str) -> str:
    return {"\t": "a tab", ",": "a comma", ";": "a semicolon"}.get(delimiter, f'"{delimiter}"')


def _data(table: Table, layout: Layout) -> Iterator[Record]:
    return (record for record in table.records() if record.line > layout.line and not record.is_blank)


def read_keywords(path: Path, *, filename: str | None = None, limits: Limits | None = None) -> KeywordFile:
    """Recognises a CSV (`,` `;` tab `|`; UTF-8, UTF-16, code pages) or XLSX file of keywords.

    `filename` is the name that messages call the file by (uploads lie under another one). All limits are checked
    here, so a file is refused whole or read whole.

    Raises `KeywordFileRefused`: unreadable, empty, binary, undecodable, too large, too many rows or without a
    keyword column.
    """
    name, limits = filename or path.name, limits or Limits()
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(1024)
    except OSError as error:
        raise KeywordFileRefused(
            RefusalCode.UNREADABLE,
            f"{name} cannot be read: {error.strerror or error}. Check the path and its permissions.",
        ) from error
    if size > limits.max_bytes:
        raise KeywordFileRefused(
            RefusalCode.TOO_LARGE,
            f"{name} has {size:,} bytes, at most {limits.max_bytes:,} are accepted. Split it into several files.",
            {"bytes": size, "limit_bytes": limits.max_bytes},
        )
    if not start.strip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"):
        raise _empty(name)
    for signature, kind in _SIGNATURES:
        if start.startswith(signature):
            raise KeywordFileRefused(
                RefusalCode.BINARY,
                f"{name} is {kind}, not a keyword list. Export the keywords as CSV or XLSX and import that.",
                {"kind": kind},
            )
    if start.startswith(b"PK\x03\x04"):
        warnings, candidates = _sheets(path, name, limits)
    else:
        warnings, candidates = _tables(path, name)
    table, layout = _with_keywords(name, candidates)
    rows = _checked_count(name, table, layout, limits)
    tool = detect_tool(layout.canonical, table.delimiter)
    if layout.volume_is_impressions:
        warnings += (
            "the file has no market volume: impressions are imported as volume and marked as estimated",
        )
    if tool is Tool.SEARCH_CONSOLE and rows == SEARCH_CONSOLE_CUT:
        warnings += (
            "the file has exactly 1,000 rows, where Search Console cuts its exports off: narrower filters give the rest",
        )
    report = FileReport(
        tool=tool,
        encoding=table.encoding,
        delimiter=table.delimiter,
        sheet=table.sheet,
        header_line=layout.line,
        columns=layout.columns,
        ignored=layout.ignored,
        rows=rows,
        warnings=warnings,
    )
    return KeywordFile(table, layout, report)


def _tables(path: Path, name: str) -> tuple[tuple[str, ...], list[Table]]:
    decoding = detect_encoding(path, name)
    return decoding.warnings, [DelimitedFile(path, decoding.encoding, delimiter) for delimiter in DELIMITERS]


def _sheets(path: Path, name: str, limits: Limits) -> tuple[tuple[str, ...], list[Table]]:
    return (), list(open_sheets(path, name, limits))


def _with_keywords(name: str, tables: list[Table]) -> tuple[Table, Layout]:
    """The reading of the file (a delimiter or a sheet) under which the header names the most."""
    found = [(table, layout) for table in tables if (layout := find_layout(table.records())) is not None]
    if found:
        return max(found, key=lambda pair: (len(pair[1].index), len(pair[1].headers)))
    headers = max((headers_found(table.records()) for table in tables), key=len, default=[])
    if not headers:
        raise _empty(name)
    shown = [_shown(header) for header in headers[:30]]
    raise KeywordFileRefused(
        RefusalCode.NO_KEYWORD_COLUMN,
        f"{name} has no keyword column. Headers found: {', '.join(shown)}. Name the column with the keywords "
        '"Keyword" and import the file again.',
        {"headers": shown},
    )


def _checked_count(name: str, table: Table, layout: Layout, limits: Limits) -> int:
    """The number of rows, blank ones left out."""
    rows = sum(1 for _ in islice(_data(table, layout), limits.max_rows + 1))
    if rows > limits.max_rows:
        raise KeywordFileRefused(
            RefusalCode.TOO_MANY_ROWS,
            f"{name} has more than {limits.max_rows:,} rows, the most that one import takes. Split it into several.",
            {"limit_rows": limits.max_rows},
        )
    if rows == 0:
        raise KeywordFileRefused(
            RefusalCode.EMPTY,
            f"{name} has a header on line {layout.line} but no row below it. Export it again with its keywords.",
            {"header_line": layout.line},
        )
    return rows


def _empty(name: str) -> KeywordFileRefused:
    return KeywordFileRefused(
        RefusalCode.EMPTY, f"{name} is empty. Export the keywords again, with a header row, and import that."
    )
