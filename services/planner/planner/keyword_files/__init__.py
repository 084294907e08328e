"""Reads the keyword files people really have; knows neither database nor HTTP.

`read_keywords` is the way in. It answers a `KeywordFile` (what was recognised, then row by row) or raises
`KeywordFileRefused` before the first row.
"""

from common.keyword_text import normalise

from planner.keyword_files.model import (
    FileReport,
    Intent,
    KeywordFileRefused,
    KeywordRow,
    Limits,
    RefusalCode,
    RowError,
    Tally,
    Tool,
)
from planner.keyword_files.reading import KeywordFile, read_keywords

__all__ = [
    "FileReport",
    "Intent",
    "KeywordFile",
    "KeywordFileRefused",
    "KeywordRow",
    "Limits",
    "RefusalCode",
    "RowError",
    "Tally",
    "Tool",
    "normalise",
    "read_keywords",
]
