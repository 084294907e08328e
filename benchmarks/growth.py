"""What a small store can do, a large one must do as fast: appending, and the first page of a list.

Stores grow by tenants: each has a sector with 500 facts of 100 keywords. Appends and lists go to all tenants in random
order, so that the large store does not answer out of a few hot pages.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from time import monotonic
from uuid import UUID

from common.api.caller import CallerOf
from common.api.paging import PageOf, paginate
from common.api.scope import FilterOf, listed
from common.auth.identity import Identity
from common.database import Database
from fastapi import Request
from planner.keywords.api import COUNTED, ORDERING, ROWS
from planner.keywords.views import keywords
from planner.model import MODEL

from benchmarks.append import Connection, append, connected
from benchmarks.pairs import Figure, ratio
from benchmarks.parts import Parts
from tests.support.database import ServiceUrls

SECONDS = 0.25
TURNS = 3
SMALL = 10_000
FACTS_OF_A_TENANT = 500
ROWS_OF_A_TENANT = 100
WRITERS = 4

_TENANT = f"('00000000-0000-7000-8000-' || lpad(to_hex(n / {FACTS_OF_A_TENANT}), 12, '0'))::uuid"
DATA = {
    "site_id": str(UUID(int=1)),
    "sector_id": str(UUID(int=2)),
    "keywords": [{"keyword_id": str(UUID(int=3)), "keyword": "a keyword", "normalised": "a keyword"}],
}
"""The same in every fact: nobody reads it here, and to make a million of them takes longer than to store them."""
FACTS = f"""
INSERT INTO events (account_id, stream, version, event_id, type, data, meta)
SELECT {_TENANT}, 'keywords-' || {_TENANT}, n %% {FACTS_OF_A_TENANT} + 1, uuidv7(), 'KeywordsAdded',
    '{json.dumps(DATA)}', '{{}}'
FROM generate_series(0, %(rows)s - 1) AS n
"""
VIEW = f"""
INSERT INTO keywords (keyword_id, account_id, site_id, sector_id, version, archived, created_at, updated_at, keyword,
    normalised, volume, status, volume_estimated)
SELECT uuidv7(), {_TENANT}, {_TENANT}, {_TENANT}, 1, false, now(), now(), 'keyword ' || n, 'keyword ' || n, n, 'new', false
FROM generate_series(0, %(rows)s - 1, {FACTS_OF_A_TENANT // ROWS_OF_A_TENANT}) AS n
"""
PATH = "/api/v1/planner/keywords/"
REQUEST = Request({"type": "http", "path": PATH, "query_string": b"", "headers": [], "server": ("bench", 80)})


async def appends(parts: Parts, pairs: int) -> list[Figure]:
    """Four writers, each event the next one of some tenant's stream."""
    small, large = (_Writers(*_store(parts, rows)) for rows in (SMALL, parts.rows))
    return [
        await ratio(
            f"append, {SMALL:,} → {parts.rows:,} events in the store",
            large.rate,
            small.rate,
            pairs,
            at_most=1.2,
            turns=TURNS,
        )
    ]


async def lists(parts: Parts, pairs: int) -> list[Figure]:
    """The planner's list of keywords as some tenant sees it: its count and first page, without the HTTP around them."""
    async with AsyncExitStack() as stack:
        runs: list[Callable[[], Awaitable[float]]] = []
        for rows in (SMALL, parts.rows):
            urls, tenants = _store(parts, rows)
            database = Database(urls.service, MODEL)
            await database.open()
            stack.push_async_callback(database.close)
            runs.append(lambda database=database, tenants=tenants: _list_rate(database, tenants))  # type: ignore[misc]  # a default argument binds it now
        small, large = runs
        return [
            await ratio(
                f"page-1 list, {SMALL:,} → {parts.rows:,} events in the store",
                large,
                small,
                pairs,
                at_most=1.2,
                turns=TURNS,
            )
        ]


def _store(parts: Parts, rows: int) -> tuple[ServiceUrls, list[UUID]]:
    """A planner's database with so many events, and its tenants."""
    tenants = [UUID(int=(0x7000_8000 << 48) | number) for number in range(rows // FACTS_OF_A_TENANT)]
    return parts.store("planner", rows, FACTS, VIEW), tenants


class _Writers:
    """They share the tenants out between them, so none meets another on a stream."""

    def __init__(self, urls: ServiceUrls, tenants: list[UUID]) -> None:
        self._url = urls.service
        self._tenants = tenants
        self._versions = dict.fromkeys(tenants, FACTS_OF_A_TENANT)

    async def rate(self) -> float:
        async with connected(self._url, WRITERS) as connections:
            began = monotonic()
            written = await asyncio.gather(
                *(
                    self._write(connection, self._tenants[number::WRITERS], began + SECONDS)
                    for number, connection in enumerate(connections)
                )
            )
            return sum(written) / (monotonic() - began)

    async def _write(self, connection: Connection, tenants: list[UUID], end: float) -> int:
        written = 0
        while monotonic() < end:
            tenant = random.choice(tenants)
            await append(connection, tenant, f"keywords-{tenant}", self._versions[tenant], 1)
            self._versions[tenant] += 1
            written += 1
        return written


async def _list_rate(database: Database, tenants: list[UUID]) -> float:
    done, began = 0, monotonic()
    while monotonic() < began + SECONDS:
        tenant = random.choice(tenants)
        caller = CallerOf(Identity(account_id=tenant, role="owner"), None, PATH)
        query = listed(ROWS, keywords, caller, FilterOf(None, None, False), counting=COUNTED)
        async with database.transaction(tenant) as tx:
            page = await paginate(
                tx,
                query,
                PageOf(1, 10, None),
                REQUEST,
                ordering=ORDERING,
                tie=keywords.c.keyword_id,
            )
        assert page["count"] == ROWS_OF_A_TENANT
        done += 1
    return done / (monotonic() - began)
