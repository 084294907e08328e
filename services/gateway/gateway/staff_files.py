"""CSV files by which staff keep the shared catalogue: one file in a form, its rows by header, what became of them."""

import csv
import io
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from common.api.errors import validation
from common.api.uploads import file_of, read_form
from fastapi import Request
from pydantic import BaseModel, ConfigDict

MOST_BYTES = 10_000_000
MOST_ROWS = 20_000
"""One request answers for all of them: these take some seconds."""
MOST_ERRORS = 1_000
_SHOWN = 100
_DELIMITERS = ",;\t"
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


def form_of(example: str) -> dict[str, Any]:
    """The body of such a route, for the API description."""
    file = {
        "type": "string",
        "format": "binary",
        "description": f"CSV in UTF-8, at most {MOST_BYTES // 10**6} MB and {MOST_ROWS:,} rows",
        "example": example,
    }
    schema = {"type": "object", "required": ["file"], "properties": {"file": file}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


class RowFault(BaseModel):
    """A row that was left out; `line` from 1, `column` null where the whole row is at fault."""

    line: int
    column: str | None
    value: str
    reason: str


_OUTCOME: dict[str, Any] = {
    "read": 3,
    "new": 1,
    "changed": 0,
    "duplicates": 1,
    "failed": 1,
    "errors": [{"line": 4, "column": "is_active", "value": "perhaps", "reason": "must be yes or no"}],
}


class Imported(BaseModel):
    """`read` = `new` + `changed` + `duplicates` + `failed`; `errors` holds the first 1,000.

    A duplicate says what is known already, or what an earlier row of the file has said.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_OUTCOME]})

    read: int
    new: int
    changed: int
    duplicates: int
    failed: int
    errors: list[RowFault]


class RowRefused(Exception):
    """A row cannot be taken; the others can."""

    def __init__(self, column: str | None, value: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.value = value
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row by column, empty where the file has none; `line` is the one it ends on."""

    line: int
    cells: dict[str, str]
    surplus: str = ""
    """What stands behind the last column."""

    def read(self, column: str, parse: Callable[[str], T]) -> T:
        """Raises RowRefused with what `parse` says in a ValueError."""
        try:
            return parse(self.cells[column])
        except ValueError as error:
            raise RowRefused(column, self.cells[column], str(error)) from None


async def read_upload(request: Request) -> bytes:
    """The form's file. Raises 400 and 413."""
    form = await read_form(request, MOST_BYTES)
    try:
        return await file_of(form).read()
    finally:
        await form.close()


def read_rows(body: bytes, columns: Sequence[str], needed: Sequence[str]) -> list[Row]:
    """The rows that are not blank. Raises 400 for a file that cannot be read as a whole, with the reason."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise validation("file", f"is no UTF-8 at byte {error.start:,}: save it as CSV in UTF-8") from error
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    try:
        header = _header(next(reader, []), columns, needed)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(_row(reader.line_num, header, cells, columns))
            if len(rows) > MOST_ROWS:
                raise validation("file", f"has more than {MOST_ROWS:,} rows: split it into several")
    except csv.Error as error:
        raise validation("file", f"line {reader.line_num}: {error}: check the quotes") from error
    if not rows:
        raise validation("file", "has no row below its header")
    return rows


def _header(cells: Sequence[str], columns: Sequence[str], needed: Sequence[str]) -> list[str]:
    header = ["_".join(cell.split()).lower() for cell in cells]
    wanted = f"the columns are {', '.join(columns)}"
    if missing := [name for name in needed if name not in header]:
        raise validation("file", f"has no column {', '.join(missing)}; {wanted}")
    if unknown := [name for name in header if name not in columns]:
        raise validation("file", f"has a column {unknown[0][:_SHOWN]!r} that is not known; {wanted}")
    if len(set(header)) != len(header):
        raise validation("file", f"has a column twice; {wanted}")
    return header


def _row(line: int, header: Sequence[str], cells: Sequence[str], columns: Sequence[str]) -> Row:
    given = dict(zip(header, (cell.strip() for cell in cells), strict=False))
    surplus = "".join(cells[len(header) :]).strip()
    return Row(line, {name: given.get(name, "") for name in columns}, surplus)


@dataclass(frozen=True, slots=True)
class Taken(Generic[K, T]):
    """What a file says, each thing once: entries by what they are known by, and the rows that say nothing new."""

    entries: dict[K, T]
    repeated: int
    errors: list[RowFault]

    def outcome(self, *, new: int, changed: int) -> Imported:
        """`new` and `changed` are of the entries."""
        same = len(self.entries) - new - changed
        failed = len(self.errors)
        return Imported(
            read=len(self.entries) + self.repeated + failed,
            new=new,
            changed=changed,
            duplicates=same + self.repeated,
            failed=failed,
            errors=self.errors[:MOST_ERRORS],
        )


def take(rows: Sequence[Row], parse: Callable[[Row], tuple[K, T]]) -> Taken[K, T]:
    """`parse` gives a row's key and entry, or raises RowRefused. Of rows with the same key the first counts."""
    entries: dict[K, T] = {}
    repeated = 0
    errors: list[RowFault] = []
    for row in rows:
        try:
            if row.surplus:
                reason = "more cells than headers: put quotes around a value that holds the separator"
                raise RowRefused(None, row.surplus, reason)
            key, entry = parse(row)
        except RowRefused as refused:
            shown = "".join(c if c.isprintable() else "\ufffd" for c in refused.value)[:_SHOWN]
            errors.append(RowFault(line=row.line, column=refused.column, value=shown, reason=refused.reason))
            continue
        repeated += key in entries
        entries.setdefault(key, entry)
    return Taken(entries, repeated, errors)


def line_of_text(text: str, *, most: int = 200) -> str:
    """A name as it is shown. Raises ValueError."""
    shown = " ".join(text.split())
    if not shown:
        raise ValueError("is needed")
    return optional_text(shown, most=most)


def optional_text(text: str, *, most: int = 1_000) -> str:
    """Raises ValueError."""
    shown = " ".join(text.split())
    if len(shown) > most:
        raise ValueError(f"has more than {most:,} characters")
    if not shown.isprintable():
        raise ValueError("holds a character that cannot be shown")
    return shown


def yes_or_no(text: str) -> bool:
    """`yes` where nothing is said. Raises ValueError."""
    known = {"": True, "yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if text.lower() not in known:
        raise ValueError("must be yes or no")
    return known[text.lower()]
