"""One record of a table, whatever file it came from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Record:
    """A row as text cells, with the line (or sheet row) it begins on; `fault` says why it could not be split."""

    line: int
    cells: Sequence[str]
    fault: str | None = None

    @property
    def is_blank(self) -> bool:
        return self.fault is None and not any(cell.strip() for cell in self.cells)


class Table(Protocol):
    """A file opened anew for every pass, so that nothing stays open between passes."""

    encoding: str
    delimiter: str | None
    sheet: str | None

    def records(self) -> Iterator[Record]: ...
