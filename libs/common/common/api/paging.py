"""Pages by number, or for large lists by cursor: each takes as long as the first, and none shifts while rows come."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import psycopg
import sqlalchemy as sa
from fastapi import Depends, Query, Request

from common.api.errors import validation
from common.database import Row, Sql

DEFAULT_SIZE, LARGEST_SIZE = 10, 100


@dataclass(frozen=True, slots=True)
class PageOf:
    """Which page of a list is asked for; numbers start at 1. `cursor` takes the place of `page`, empty for the first."""

    page: int
    page_size: int
    ordering: str | None
    cursor: str | None = None


def _page(
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
    query: sa.Select[Any],
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
    order = [column.desc().nulls_last() if wanted.startswith("-") else column.asc().nulls_last()]
    if tie is not None:
        order.append(tie.asc())
    if page.cursor is not None:
        if tie is None:
            raise validation("cursor", "this list has page numbers only")
        place = _Place(wanted, column, tie)
        return await _from_cursor(sql, query.order_by(*order), page, request, place, show)
    count = await sql.scalar(sa.select(sa.func.count()).select_from(query.order_by(None).subquery()))
    rows = await sql.all(
        query.order_by(*order).limit(page.page_size).offset((page.page - 1) * page.page_size)
    )
    return {
        "count": count,
        "next": _link(request, page=page.page + 1) if page.page * page.page_size < count else None,
        "previous": _link(request, page=page.page - 1) if page.page > 1 else None,
        "results": [show(row) for row in rows],
    }


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
    tie: sa.ColumnElement[Any]

    def marked(self, query: sa.Select[Any]) -> sa.Select[Any]:
        """The query with what makes a mark of each row."""
        return query.add_columns(
            sa.cast(self.column, sa.Text).label("_value"), sa.cast(self.tie, sa.Text).label("_tie")
        )

    def after(self, mark: _Mark) -> sa.ColumnElement[bool]:
        later = self.tie > sa.cast(sa.literal(mark.tie, sa.Text), self.tie.type)
        if mark.value is None:
            return self.column.is_(None) & later
        value = sa.cast(sa.literal(mark.value, sa.Text), self.column.type)
        beyond = self.column < value if self.ordering.startswith("-") else self.column > value
        return beyond | ((self.column == value) & later) | self.column.is_(None)


async def _from_cursor(
    sql: Sql,
    query: sa.Select[Any],
    page: PageOf,
    request: Request,
    place: _Place,
    show: Callable[[Row], Any],
) -> dict[str, Any]:
    """Raises 400 for a cursor that is none of this list."""
    query = place.marked(query)
    if page.cursor:
        query = query.where(place.after(_parse(page.cursor, place.ordering)))
    try:
        found = await sql.all(query.limit(page.page_size + 1))
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
        "results": [
            show({name: value for name, value in row.items() if name not in ("_value", "_tie")})
            for row in rows
        ],
    }


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
    url = request.url.include_query_params(**parameters)
    return f"{url.path}?{url.query}"
