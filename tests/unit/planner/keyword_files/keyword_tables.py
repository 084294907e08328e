"""Keyword files written for a test, and what the reader makes of them."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from planner.keyword_files import FileReport, KeywordRow, Limits, RowError, Tally, read_keywords


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def table(rows: Iterable[Sequence[str]], delimiter: str = ",") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


class Read:
    """A file read to its end."""

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        file = read_keywords(path, limits=limits)
        read = list(file)
        self.report: FileReport = file.report
        self.tally: Tally = file.tally
        self.rows = [row for row in read if isinstance(row, KeywordRow)]
        self.errors = [row for row in read if isinstance(row, RowError)]

    @property
    def keywords(self) -> list[str]:
        return [row.keyword for row in self.rows]
