"""Which column means what, and whose export it is, told from the headers alone."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from planner.keyword_files import cells
from planner.keyword_files.model import Tool
from planner.keyword_files.records import Record

# Keyword Planner has two title lines, hand-made sheets a few more; further down a match would be a data row.
HEADER_WITHIN = 20

# Canonical headers per field, the best first. Never here: "Competition" (advertising, not difficulty), "Global
# volume" (not this market's), "Parent Keyword", "Traffic".
_NAMES: Mapping[str, tuple[str, ...]] = {
    "keyword": (
        *("keyword", "keywords", "top queries", "query", "queries", "search query", "search queries"),
        *("search term", "search terms", "keyphrase", "key phrase", "keyword phrase", "kw", "suchanfrage"),
        *("häufigste suchanfragen", "suchbegriff", "schlüsselwort", "term", "phrase"),
    ),
    "volume": (
        *("volume", "search volume", "avg monthly searches", "average monthly searches", "monthly searches"),
        *(
            "monthly search volume",
            "monthly volume",
            "avg monthly search volume",
            "keyword volume",
            "searches",
        ),
        *("search vol", "vol", "sv", "msv", "suchvolumen", "durchschn suchanfragen pro monat"),
        *("impressions", "impressionen"),
    ),
    "difficulty": (
        *(
            "keyword difficulty",
            "keyword difficulty index",
            "kd",
            "kd %",
            "kd%",
            "difficulty",
            "seo difficulty",
        ),
        *("keyword difficulty %", "keyword difficulty score", "difficulty score"),
    ),
    "intent": (
        *("intent", "intents", "search intent", "search intents", "keyword intent", "keyword intents"),
        *("user intent", "suchintention"),
    ),
    "cpc": (
        *("cpc", "avg cpc", "average cpc", "cost per click", "suggested bid"),
        *("top of page bid (low range)", "top of page bid (high range)"),
    ),
    "currency": ("currency", "currency code", "währung"),
    "locale": ("locale", "country", "database", "language", "location", "market", "db"),
}
_FIELD_AND_RANK = {name: (field, rank) for field, names in _NAMES.items() for rank, name in enumerate(names)}
_IMPRESSIONS = {"impressions", "impressionen"}

_IN_PARENTHESES = re.compile(r"(.+?)\s*\(([^()]*)\)\Z")
# "Volume (global)" and "Volume (change)" are something else than "Volume (MY)".
_OTHER_MEANING = re.compile(r"global|world|change|trend|yoy|range|index", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Layout:
    """The header row: `line` in the file, its cells, and the column index of each field we know."""

    line: int
    headers: tuple[str, ...]
    index: Mapping[str, int]

    @property
    def canonical(self) -> set[str]:
        return {canonical(header) for header in self.headers}

    @property
    def volume_is_impressions(self) -> bool:
        return "volume" in self.index and canonical(self.headers[self.index["volume"]]) in _IMPRESSIONS

    @property
    def currency(self) -> str | None:
        """The currency that the price column's own header names: `CPC (USD)`."""
        if "cpc" not in self.index:
            return None
        match = _IN_PARENTHESES.match(self.headers[self.index["cpc"]])
        return cells.currency(match[2]) if match else None

    @property
    def columns(self) -> dict[str, str]:
        return {field: self.headers[index] for field, index in self.index.items()}

    @property
    def ignored(self) -> tuple[str, ...]:
        used = set(self.index.values())
        return tuple(header for at, header in enumerate(self.headers) if header and at not in used)


def canonical(header: str) -> str:
    """A header without case, full stops, underscores and superfluous spacing."""
    text = header.replace("\ufeff", "").casefold().replace("_", " ").replace(".", "")
    return " ".join(text.split()).rstrip(": ")


def find_layout(records: Iterable[Record]) -> Layout | None:
    """The header among the first records: the row with a keyword column that names the most fields we know."""
    best: Layout | None = None
    for record in islice(records, HEADER_WITHIN):
        layout = _layout(record)
        if "keyword" in layout.index and (best is None or len(layout.index) > len(best.index)):
            best = layout
    return best


def _layout(record: Record) -> Layout:
    headers = tuple(" ".join(cell.replace("\ufeff", "").split()) for cell in record.cells)
    found: dict[str, tuple[int, int]] = {}
    for at, header in enumerate(headers):
        if (match := _recognise(header)) is not None:
            field, rank = match
            found[field] = min(found.get(field, (rank, at)), (rank, at))
    return Layout(record.line, headers, {field: found[field][1] for field in _NAMES if field in found})


def _recognise(header: str) -> tuple[str, int] | None:
    name = canonical(header)
    if name in _FIELD_AND_RANK:
        return _FIELD_AND_RANK[name]
    match = _IN_PARENTHESES.match(name)
    if match is None or _OTHER_MEANING.search(match[2]):
        return None
    return _FIELD_AND_RANK.get(match[1])


def detect_tool(headers: set[str], delimiter: str | None) -> Tool:
    """The tool that writes these canonical headers; `HAND_MADE` where none fits."""

    def any_of(*names: str) -> bool:
        return not headers.isdisjoint(names)

    def all_of(*names: str) -> bool:
        return headers.issuperset(names)

    if any_of("top queries", "häufigste suchanfragen") or all_of("clicks", "impressions", "ctr", "position"):
        return Tool.SEARCH_CONSOLE
    if any_of("avg monthly searches") and any_of(
        "currency", "three month change", "competition (indexed value)", "top of page bid (low range)"
    ):
        return Tool.GOOGLE_KEYWORD_PLANNER
    if any_of("parent keyword", "parent topic", "cps", "global volume", "traffic potential") or all_of(
        "country", "difficulty", "volume"
    ):
        return Tool.AHREFS
    if any_of("previous position") or all_of("position", "url", "search volume"):
        return Tool.SEMRUSH_POSITIONS
    if any_of("keyword difficulty index") or (
        delimiter == ";" and all_of("search volume") and any_of("database", "competition")
    ):
        return Tool.SEMRUSH_API
    if any_of("competitive density", "number of results", "serp features") or all_of(
        "intent", "volume", "keyword difficulty"
    ):
        return Tool.SEMRUSH
    return Tool.HAND_MADE


def headers_found(records: Iterable[Record]) -> Sequence[str]:
    """The cells of the widest early row, for the message that there is no keyword column."""
    rows = [
        [cell.strip() for cell in record.cells if cell.strip()] for record in islice(records, HEADER_WITHIN)
    ]
    return max(rows, key=len, default=[])
