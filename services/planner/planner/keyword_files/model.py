"""What a keyword file gives: rows, row errors, a report about the file, or a refusal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Intent(StrEnum):
    """Why somebody searches."""

    INFORMATIONAL = "informational"
    NAVIGATIONAL = "navigational"
    COMMERCIAL = "commercial"
    TRANSACTIONAL = "transactional"


class Tool(StrEnum):
    """The tool whose export a file is, told from its headers."""

    SEMRUSH = "semrush"
    SEMRUSH_API = "semrush_api"
    SEMRUSH_POSITIONS = "semrush_positions"
    AHREFS = "ahrefs"
    GOOGLE_KEYWORD_PLANNER = "google_keyword_planner"
    SEARCH_CONSOLE = "search_console"
    HAND_MADE = "hand_made"


class RefusalCode(StrEnum):
    """Why a whole file was refused."""

    UNREADABLE = "unreadable"
    EMPTY = "empty_file"
    BINARY = "binary_file"
    UNDECODABLE = "undecodable"
    NO_KEYWORD_COLUMN = "no_keyword_column"
    TOO_LARGE = "too_large"
    TOO_MANY_ROWS = "too_many_rows"


class KeywordFileRefused(Exception):
    """The whole file was refused; `message` says what is wrong, where, and what to do about it."""

    def __init__(self, code: RefusalCode, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details: dict[str, Any] = dict(details or {})


@dataclass(frozen=True, slots=True)
class Limits:
    """What is accepted at most. Sizes in bytes, rows without header and blank lines."""

    max_bytes: int = 100 * 1024 * 1024
    max_rows: int = 100_000
    # 100,000 rows of a wide export are about 100 MB of sheet XML.
    max_unpacked_bytes: int = 400 * 1024 * 1024
    # Everything but the sheets is held in memory while a workbook is read, several times its size.
    max_workbook_parts_bytes: int = 48 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class KeywordRow:
    """One keyword of the file.

    `line` counts from 1, the line (or sheet row) on which the row begins. `volume` is searches a month; where the
    file gave a range or a bound, `volume_low` and `volume_high` keep it and `volume_estimated` is true, as it
    is for Search Console impressions. `difficulty` is 0–100. Unknown is None, never 0. `intent` is the first of
    `intents`. `cpc` is a plain decimal like "8.50", `cpc_currency` an ISO 4217 code where the file told it.
    `locale` is the country, database or language as written. `source` names the tool.
    """

    line: int
    keyword: str
    volume: int | None = None
    volume_low: int | None = None
    volume_high: int | None = None
    volume_estimated: bool = False
    difficulty: int | None = None
    intent: Intent | None = None
    intents: tuple[Intent, ...] = ()
    cpc: str | None = None
    cpc_currency: str | None = None
    locale: str | None = None
    source: Tool = Tool.HAND_MADE


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that is not imported: `column` is the file's own header, None where the whole row is at fault."""

    line: int
    column: str | None
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class FileReport:
    """What was recognised before the first row.

    `columns` maps our field (keyword, volume, difficulty, intent, cpc, currency, locale) to the file's header;
    `ignored` lists the other headers, `rows` counts the
    rows that are not blank (for progress). `delimiter` is None for a workbook, `sheet` is None for a text file.
    """

    tool: Tool
    encoding: str
    delimiter: str | None
    sheet: str | None
    header_line: int
    columns: Mapping[str, str]
    ignored: tuple[str, ...]
    rows: int
    warnings: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """Counts of one pass over the rows: `keywords` + `duplicates` + `errors` = rows that were not blank."""

    keywords: int = field(default=0)
    duplicates: int = field(default=0)
    errors: int = field(default=0)
