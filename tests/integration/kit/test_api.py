"""Lists and callers of the API standard on real rows."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from common.api.paging import PageOf, paginate
from common.database import Database
from common.ids import new_id
from fastapi import Request

from tests.integration.kit.toy_api import ToyApi
from tests.support import toy

REQUEST = Request(
    {"type": "http", "path": "/toy/", "query_string": b"", "headers": [], "server": ("toy", 80)}
)


async def made(database: Database, account: UUID, *numbers: int) -> None:
    for number in numbers:
        async with database.transaction(account) as tx:
            await toy.count(tx, new_id(), toy.Count(number))


async def test_pages_cover_a_list_once_and_in_order(api: ToyApi, toy_database: Database) -> None:
    account, neighbour = new_id(), new_id()
    await made(toy_database, account, 3, 1, 2, 2, 2)
    await made(toy_database, neighbour, 9)
    path, seen = "/counters/?page_size=2&at_least=1", []
    while path:
        data = (await api.client.get(path, headers=api.identity(account))).json()["data"]
        assert data["count"] == 5
        seen += data["results"]
        path = (data["next"] or "").removeprefix("/api/v1/toy")
    assert [entry["number"] for entry in seen] == [1, 2, 2, 2, 3]
    assert len({entry["counter_id"] for entry in seen}) == 5


async def test_links_keep_the_question_and_end_where_the_list_ends(
    api: ToyApi, toy_database: Database
) -> None:
    account = new_id()
    await made(toy_database, account, 1, 2, 3)
    first, last = [
        (await api.get(account, "/counters/", page=page, page_size=2, at_least=1)).json()["data"]
        for page in (1, 2)
    ]
    assert (first["previous"], last["next"]) == (None, None)
    assert first["next"] == "/api/v1/toy/counters/?page_size=2&at_least=1&page=2"
    assert last["previous"] == "/api/v1/toy/counters/?page_size=2&at_least=1&page=1"
    beyond = (await api.get(account, "/counters/", page=9)).json()["data"]
    assert (beyond["count"], beyond["results"]) == (3, [])


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("falling", [False, True])
async def test_a_page_is_the_same_from_whichever_end_it_is_reached(
    toy_database: Database, *, falling: bool, size: int
) -> None:
    """Rows without a value come last in both directions, and rows with the same value stay in one order."""
    account, c = new_id(), toy.counters.c
    await made(toy_database, account, 3, 1, 2, 2, 2, 5, 4, 3)
    lacking = sa.func.nullif(c.number, 2, type_=sa.Integer)

    async def pages(number: sa.ColumnElement[int], **of: Any) -> list[dict[str, Any]]:
        query = sa.select(c.counter_id, c.number).where(c.number > 0)
        seen: list[dict[str, Any]] = []
        page = PageOf(1, size, "-number" if falling else "number", **of)
        async with toy_database.transaction(account) as tx:
            while True:
                found = await paginate(
                    tx, query, page, REQUEST, ordering={"number": number}, tie=c.counter_id
                )
                assert found["count"] in (8, None)
                seen += found["results"]
                if found["next"] is None:
                    return seen
                asked = parse_qs(urlsplit(found["next"]).query)
                page = replace(page, page=page.page + 1, cursor=asked.get("cursor", [None])[0])

    async def ids(order: str) -> list[UUID]:
        async with toy_database.transaction(account) as tx:
            return [
                row["counter_id"]
                for row in await tx.all(f"SELECT counter_id FROM toy_counters ORDER BY {order}")
            ]

    direction = "DESC" if falling else "ASC"
    expected = await ids(f"number {direction}, counter_id")
    assert [row["counter_id"] for row in await pages(c.number)] == expected
    assert [row["counter_id"] for row in await pages(c.number, cursor="")] == expected
    expected = await ids(f"nullif(number, 2) {direction} NULLS LAST, counter_id")
    assert [row["counter_id"] for row in await pages(lacking)] == expected
    assert [row["counter_id"] for row in await pages(lacking, cursor="")] == expected


async def test_the_order_is_chosen_by_name(api: ToyApi, toy_database: Database) -> None:
    account = new_id()
    await made(toy_database, account, 2, 1, 3)
    for ordering, expected in (("number", [1, 2, 3]), ("-number", [3, 2, 1]), ("created_at", [2, 1, 3])):
        data = (await api.get(account, "/counters/", ordering=ordering)).json()["data"]
        assert [entry["number"] for entry in data["results"]] == expected
    unknown = await api.get(account, "/counters/", ordering="account_id")
    assert unknown.status_code == 400
    assert "created_at, number" in unknown.json()["errors"]["ordering"][0]


@pytest.mark.parametrize("question", [{"page": 0}, {"page_size": 0}, {"page_size": 101}, {"page": "x"}])
async def test_no_such_page(api: ToyApi, question: dict[str, object]) -> None:
    assert (await api.get(new_id(), "/counters/", **question)).status_code == 400


async def test_the_caller_is_who_the_gateway_says(api: ToyApi) -> None:
    account = uuid4()
    data = (await api.get(account, "/who/")).json()["data"]
    assert data == {"account": str(account), "role": "owner", "request_id": "r-1"}


async def test_requests_under_one_token_keep_their_own_ids(api: ToyApi) -> None:
    account = uuid4()
    first, second = (api.reused(account, request_id) for request_id in ("request-1", "request-2"))
    assert first["X-Igny8-Identity"] == second["X-Igny8-Identity"]
    for headers in (first, second):
        answered = await api.client.get("/who/", headers=headers)
        assert answered.json()["data"]["request_id"] == headers["X-Request-ID"]
        assert answered.headers.get_list("X-Request-ID") == [headers["X-Request-ID"]]


async def test_nobody_gets_in(api: ToyApi) -> None:
    for headers in ({}, {"X-Igny8-Identity": "a.b.c"}, api.identity(new_id(), route="POST /login/")):
        refused = await api.client.get("/who/", headers=headers)
        assert (refused.status_code, refused.json()["error_code"]) == (401, "UNAUTHORIZED")


async def test_a_role_that_may_not_write_does_not(api: ToyApi) -> None:
    refused = await api.post(new_id(), {}, role="viewer")
    assert (refused.status_code, refused.json()["error_code"]) == (403, "FORBIDDEN")


async def test_a_cursor_goes_through_a_list_once_while_it_grows(api: ToyApi, toy_database: Database) -> None:
    account, neighbour = new_id(), new_id()
    await made(toy_database, account, 3, 1, 2, 2, 2, 5)
    await made(toy_database, neighbour, 2)
    for ordering, expected in (("number", [1, 2, 2, 2, 3, 5]), ("-number", [5, 3, 2, 2, 2, 1])):
        path, seen = f"/counters/?page_size=2&ordering={ordering}&at_least=1&cursor=", []
        while path:
            data = (await api.client.get(path, headers=api.identity(account))).json()["data"]
            assert (data["count"], data["previous"]) == (None, None)
            seen += data["results"]
            path = (data["next"] or "").removeprefix("/api/v1/toy")
            before = 0 if ordering == "number" else 9  # would shift pages that go by number
            await made(toy_database, account, before or 0)
        assert [entry["number"] for entry in seen] == expected
        assert len({entry["counter_id"] for entry in seen}) == len(expected)
        assert set(seen[0]) == {"counter_id", "number"}


async def test_a_cursor_by_time_loses_nothing(api: ToyApi, toy_database: Database) -> None:
    account = new_id()
    await made(toy_database, account, 2, 1, 3)
    path, seen = "/counters/?page_size=1&ordering=-created_at&cursor=", []
    while path:
        data = (await api.client.get(path, headers=api.identity(account))).json()["data"]
        seen += data["results"]
        path = (data["next"] or "").removeprefix("/api/v1/toy")
    assert [entry["number"] for entry in seen] == [3, 1, 2]


@pytest.mark.parametrize(
    "cursor",
    ["x", "!!", "e30", "WyJudW1iZXIiLCJ4IiwieSJd", "WyItbnVtYmVyIiwiMSIsIjEiXQ", "WyJudW1iZXIiLCIxIiwieSJd"],
)
async def test_a_cursor_that_no_list_gave(api: ToyApi, cursor: str) -> None:
    refused = await api.get(new_id(), "/counters/", cursor=cursor)
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["cursor"])
