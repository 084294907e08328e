"""Page numbers, as PRODUCT §8 has them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Depends, Query, Request

from common.api.errors import validation
from common.database import Row, Sql

DEFAULT_SIZE, LARGEST_SIZE = 10, 100


@dataclass(frozen=True, slots=True)
class PageOf:
    """Which page of a list is asked for; numbers start at 1."""

    page: int
    page_size: int
    ordering: str | None


def _page(
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    page_size: Annotated[int, Query(ge=1, le=LARGEST_SIZE)] = DEFAULT_SIZE,
    ordering: Annotated[str | None, Query(max_length=40)] = None,
) -> PageOf:
    return PageOf(page, page_size, ordering)


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
    count = await sql.scalar(sa.select(sa.func.count()).select_from(query.order_by(None).subquery()))
    rows = await sql.all(
        query.order_by(*order).limit(page.page_size).offset((page.page - 1) * page.page_size)
    )
    return {
        "count": count,
        "next": _link(request, page.page + 1) if page.page * page.page_size < count else None,
        "previous": _link(request, page.page - 1) if page.page > 1 else None,
        "results": [show(row) for row in rows],
    }


def _link(request: Request, number: int) -> str:
    """A link relative to the host: behind the gateway only the client knows which host that is."""
    url = request.url.include_query_params(page=number)
    return f"{url.path}?{url.query}"
