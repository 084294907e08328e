"""CSV and its relatives, record by record in constant memory, with true line numbers."""

import csv
from collections import deque
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

from planner.keyword_files.records import Record

DELIMITERS = (",", ";", "\t", "|")
# A row of the widest export is some thousand characters. Together they keep a record below the csv module's own
# field limit of 131,072 characters, and what is read again after a stray quote small.
_MAX_LINE = 60_000
_MAX_RECORD_LINES = 50
_MAX_RECORD = 120_000


class _RecordTooLong(Exception):
    pass


class _Lines:
    """Lines for the csv reader that can be put back: after a stray quote only its own line is lost."""

    def __init__(self, text: TextIOWrapper) -> None:
        self._text = text
        self._ahead: deque[tuple[int, str | None]] = deque()
        self._taken: list[tuple[int, str | None]] = []
        self._number = 0
        self._size = 0

    @property
    def first(self) -> int:
        return self._taken[0][0] if self._taken else self._number

    def begin_record(self) -> None:
        self._taken.clear()
        self._size = 0

    def put_back_all_but_first(self) -> None:
        self._ahead.extendleft(reversed(self._taken[1:]))

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        number, line = self._ahead.popleft() if self._ahead else self._read()
        self._taken.append((number, line))
        if line is None:
            raise _RecordTooLong(f"the line is longer than {_MAX_LINE:,} characters")
        self._size += len(line)
        if len(self._taken) > _MAX_RECORD_LINES or self._size > _MAX_RECORD:
            raise _RecordTooLong(
                'a quote opens here and is not closed: close it, or write "" for a quote itself'
            )
        return line

    def _read(self) -> tuple[int, str | None]:
        line = self._text.readline(_MAX_LINE)
        if not line:
            raise StopIteration
        self._number += 1
        if len(line) < _MAX_LINE or line.endswith(("\n", "\r")):
            return self._number, line
        while rest := self._text.readline(_MAX_LINE):
            if rest.endswith(("\n", "\r")):
                break
        return self._number, None


class DelimitedFile:
    """A text table; every pass opens the file anew."""

    sheet: str | None = None

    def __init__(self, path: Path, encoding: str, delimiter: str) -> None:
        self._path = path
        self.encoding = encoding
        self.delimiter: str | None = delimiter

    def records(self) -> Iterator[Record]:
        with self._path.open(encoding=self.encoding, newline="") as text:
            assert isinstance(text, TextIOWrapper)
            lines = _Lines(text)
            # Strict, because a lenient reader swallows what follows a stray quote without a word.
            reader = csv.reader(lines, delimiter=self.delimiter or ",", strict=True)
            while True:
                lines.begin_record()
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except (csv.Error, _RecordTooLong) as error:
                    first, fault = lines.first, _explained(error)
                    lines.put_back_all_but_first()
                    yield Record(first, (), fault)
                else:
                    yield Record(lines.first, cells)


def _explained(error: Exception) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return 'a quote opens here and is not closed: close it, or write "" for a quote itself'
    if "expected after" in text:
        return 'text follows a closing quote: write "" for a quote inside quotes'
    return text
