"""Pages by number, or for large lists by cursor: each takes as long as the first, and none shifts while rows come."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

import msgspec
import psycopg
import sqlalchemy as sa
from fastapi import Depends, Query, Request

from common.api.errors import validation
from common.api.question import SHAPES, Question
from common.database import Row, Sql

DEFAULT_SIZE, LARGEST_SIZE = 10, 100


@dataclass(frozen=True, slots=True)
class PageOf:
    """Which page of a list is asked for; numbers start at 1. `cursor` takes the place of `page`, empty for the first."""

    page: int
    page_size: int
    ordering: str | None
    cursor: str | None = None


async def _page(
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    page_size: Annotated[int, Query(ge=1, le=LARGEST_SIZE)] = DEFAULT_SIZE,
    ordering: Annotated[str | None, Query(max_length=40)] = None,
    cursor: Annotated[
        str | None,
        Query(max_length=2_000, description="Instead of page: empty for the first, then as in `next`."),
    ] = None,
) -> PageOf:
    return PageOf(page, page_size, ordering, cursor)


Page = Annotated[PageOf, Depends(_page)]


async def paginate(
    sql: Sql,
    query: "sa.Select[Any] | Question",
    page: PageOf,
    request: Request,
    *,
    ordering: Mapping[str, sa.ColumnElement[Any]],
    default: str = "-created_at",
    tie: sa.ColumnElement[Any] | None = None,
    show: Callable[[Row], Any] = dict,
) -> dict[str, Any]:
    """`{count, next, previous, results}` of a select; `tie` makes the order total. Raises 400 for an unknown ordering."""
    wanted = page.ordering or default
    column = ordering.get(wanted.removeprefix("-"))
    if column is None:
        raise validation("ordering", f"must be one of {', '.join(sorted(ordering))}, with - for descending")
    question = query if isinstance(query, Question) else Question(query)
    place = _Place(wanted, column, tie)
    if page.cursor is not None:
        return await _from_cursor(sql, question, page, request, place, show)
    # Apart from the rows, although that is a question more: PostgreSQL keeps its plan for the rows then. One plan for both
    # it made anew each time, in half a millisecond.
    counting = question.counting if question.counting is not None else _counting(question.statement, place)
    count: int = await sql.scalar(counting, question.values)
    if page.page == 1:
        rows = await sql.all(_first(question.statement, place, page.page_size), question.values)
    else:
        rows = await _numbered(sql, question, place, page, count)
    return {
        "count": count,
        "next": _link(request, page=page.page + 1) if page.page * page.page_size < count else None,
        "previous": _link(request, page=page.page - 1) if page.page > 1 else None,
        "results": [show(row) for row in rows],
    }


@lru_cache(SHAPES)
def _counting(query: sa.Select[Any], place: "_Place") -> sa.Select[Any]:
    return sa.select(sa.func.count()).select_from(place.keys(query).order_by(None).subquery())


@lru_cache(SHAPES)
def _first(query: sa.Select[Any], place: "_Place", size: int) -> sa.Select[Any]:
    return query.order_by(*place.order()).limit(_written(size))


def _written(number: int) -> sa.ColumnElement[int]:
    """As a number in the text: with one that is only known later PostgreSQL plans the question anew each time."""
    return sa.literal_column(str(number), sa.Integer)


class _Mark(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The last row of a page: its values as PostgreSQL writes them, which it reads again without a loss."""

    ordering: str
    value: str | None
    tie: str


@dataclass(frozen=True, slots=True)
class _Place:
    """How a list is ordered: by a column, rows without a value last, and by `tie`."""

    ordering: str
    column: sa.ColumnElement[Any]
    tie: sa.ColumnElement[Any] | None

    def order(self, *, backwards: bool = False) -> list[sa.ColumnElement[Any]]:
        falls = self.ordering.startswith("-") is not backwards
        order = self.column.desc() if falls else self.column.asc()
        # Said only there: an index does not know that it comes to the same where each row has a value.
        if self._may_lack:
            order = order.nulls_first() if backwards else order.nulls_last()
        if self.tie is None:
            return [order]
        return [order, self.tie.desc() if backwards else self.tie.asc()]

    def keys(self, query: sa.Select[Any]) -> sa.Select[Any]:
        """What tells the rows of the query from each other, which is less to read and to write down than all of them."""
        return query if self.tie is None else query.with_only_columns(self.tie, maintain_column_froms=True)

    def marked(self, query: sa.Select[Any]) -> sa.Select[Any]:
        """The query with what makes a mark of each row."""
        return query.add_columns(
            sa.cast(self.column, sa.Text).label("_value"), sa.cast(self._total, sa.Text).label("_tie")
        )

    def after(self, *, valued: bool) -> sa.ColumnElement[bool]:
        """What follows a mark: its `after_tie` and, where it has one, `after_value`."""
        later = self._total > sa.cast(sa.bindparam("after_tie", type_=sa.Text), self._total.type)
        if not valued:
            return self.column.is_(None) & later
        value = sa.cast(sa.bindparam("after_value", type_=sa.Text), self.column.type)
        falls = self.ordering.startswith("-")
        beyond = self.column < value if falls else self.column > value
        following = beyond | ((self.column == value) & later)
        if self._may_lack:
            return following | self.column.is_(None)
        # The first half is what an index can begin at; the second one alone would be asked of each row before it.
        return (self.column <= value if falls else self.column >= value) & following

    @property
    def _total(self) -> sa.ColumnElement[Any]:
        if self.tie is None:
            raise validation("cursor", "this list has page numbers only")
        return self.tie

    @property
    def _may_lack(self) -> bool:
        """Whether a row may be without a value: all but what its own table, that of `tie`, requires."""
        column, tie = self.column, self.tie
        if not (isinstance(column, sa.Column) and isinstance(tie, sa.Column) and column.table is tie.table):
            return True
        return not isinstance(column.table, sa.Table) or bool(column.nullable)


async def _numbered(sql: Sql, question: Question, place: _Place, page: PageOf, count: int) -> list[Row]:
    """The rows of a page by its number."""
    before = (page.page - 1) * page.page_size
    if place.tie is None:
        values = {"page_size": page.page_size, "page_before": before}
        return await sql.all(_passing(question.statement, place), {**question.values, **values})
    size = max(0, min(page.page_size, count - before))
    behind = max(0, count - before - size)
    backwards = behind < before
    values = {"page_size": size, "page_before": behind if backwards else before}
    found = _among_keys(question.statement, place, backwards)
    return await sql.all(found, {**question.values, **values})


_SIZE, _BEFORE = (sa.bindparam(name, type_=sa.Integer) for name in ("page_size", "page_before"))


@lru_cache(SHAPES)
def _passing(query: sa.Select[Any], place: _Place) -> sa.Select[Any]:
    return query.order_by(*place.order()).limit(_SIZE).offset(_BEFORE)


@lru_cache(SHAPES)
def _among_keys(query: sa.Select[Any], place: _Place, backwards: bool) -> sa.Select[Any]:
    """Passes over the rows before it from the nearer end of the list, and by their `tie` alone: what is joined to a row is
    looked up for the rows of the page.
    """
    assert place.tie is not None
    keys = place.keys(query).order_by(*place.order(backwards=backwards))
    return query.where(place.tie.in_(keys.limit(_SIZE).offset(_BEFORE))).order_by(*place.order())


@lru_cache(SHAPES)
def _following(query: sa.Select[Any], place: _Place, size: int, after: str) -> sa.Select[Any]:
    """From the first row on, or `after` a mark: "value", or "none" for one of a row that lacks it."""
    query = place.marked(query.order_by(*place.order()))
    if after:
        query = query.where(place.after(valued=after == "value"))
    return query.limit(_written(size))


async def _from_cursor(
    sql: Sql,
    question: Question,
    page: PageOf,
    request: Request,
    place: _Place,
    show: Callable[[Row], Any],
) -> dict[str, Any]:
    """Raises 400 for a cursor that is none of this list."""
    after, values = "", dict(question.values)
    if page.cursor:
        given = _parse(page.cursor, place.ordering)
        after = "none" if given.value is None else "value"
        values |= {"after_tie": given.tie} | ({} if given.value is None else {"after_value": given.value})
    try:
        found = await sql.all(_following(question.statement, place, page.page_size + 1, after), values)
    except psycopg.errors.DataError as error:
        raise validation("cursor", "is none that this list gave") from error
    rows, more = found[: page.page_size], len(found) > page.page_size
    following = None
    if more:
        mark = _Mark(place.ordering, rows[-1]["_value"], rows[-1]["_tie"])
        following = base64.urlsafe_b64encode(msgspec.json.encode(mark)).decode().rstrip("=")
    return {
        "count": None,
        "next": _link(request, cursor=following) if following else None,
        "previous": None,
        "results": [show(_unmarked(row)) for row in rows],
    }


def _unmarked(row: Row) -> Row:
    own = dict(row)
    del own["_value"], own["_tie"]
    return own


def _parse(cursor: str, ordering: str) -> _Mark:
    try:
        mark = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=_Mark)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise validation("cursor", "is none that this list gave") from error
    if mark.ordering != ordering:
        raise validation("cursor", "belongs to another ordering")
    if "\x00" in mark.tie or "\x00" in (mark.value or ""):
        raise validation("cursor", "is none that this list gave")
    return mark


def _link(request: Request, **parameters: Any) -> str:
    """A link relative to the host: behind the gateway only the client knows which host that is."""
    asked = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    kept = [(name, value) for name, value in asked if name not in parameters]
    return f"{request.scope['path']}?{urlencode([*kept, *parameters.items()])}"
