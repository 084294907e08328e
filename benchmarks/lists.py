"""A list of 50 rows: against fetching and writing the same rows barely, its page 1,000 against its page 1, and against
Django REST framework.

A tenant has two sectors: one with 1,000 pages of keywords, one with two. The list is that of one sector, as the console
asks for it.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import aiohttp
import orjson
import psycopg
from common.api.caller import CallerOf
from common.api.envelope import answer
from common.api.paging import PageOf, paginate
from common.api.scope import FilterOf, listed
from common.auth.identity import Identity
from common.database import SESSION_OPTIONS, Database
from fastapi import Request
from planner.answers import shown
from planner.keywords.api import COUNTED, ORDERING, ROWS
from planner.keywords.views import keywords
from planner.model import MODEL
from psycopg.rows import dict_row

from benchmarks.latency import served
from benchmarks.pairs import Figure, on_the_services_loop, ratio
from benchmarks.parts import ROOT, Parts
from tests.parts.ports import answers, free_port
from tests.parts.process import Process
from tests.support.database import ServiceUrls

SECONDS = 0.5
TURNS = 3
SIZE = 50
PAGES, FEW_PAGES = 1_000, 2
CLIENTS = 4
THREADS = 4
"""Of gunicorn's one process: as many as there are clients, so that none waits for another's to end."""
ACCOUNT = UUID(int=0x7000_8000 << 48)
LARGE, SMALL = UUID(int=1), UUID(int=2)
"""Sectors; each one's site has the same id."""
PATH = "/api/v1/planner/keywords/"
IDENTITY = Identity(account_id=ACCOUNT, user_id=UUID(int=1), role="owner", request_id="bench-mark")

_KEYWORDS = f"""
INSERT INTO keywords (keyword_id, account_id, site_id, sector_id, version, archived, created_at, updated_at, keyword,
    normalised, volume, difficulty, intent, status, cluster_id, cpc, locale, source, volume_estimated)
SELECT uuidv7(), '{ACCOUNT}', sector, sector, 1, false, now() - n * interval '1 second', now(), 'keyword number ' || n,
    'keyword number ' || n, n, n %% 100, 'commercial', 'new', md5('cluster ' || n %% 200)::uuid, '8.50', 'en-GB', 'import',
    false
FROM (VALUES ('{LARGE}'::uuid, %(rows)s), ('{SMALL}'::uuid, {FEW_PAGES * SIZE})) AS s (sector, rows),
    generate_series(1, rows) AS n
"""
FILL = (
    _KEYWORDS,
    f"""
INSERT INTO clusters (cluster_id, account_id, site_id, sector_id, version, archived, created_at, updated_at, name,
    description)
SELECT md5('cluster ' || n)::uuid, '{ACCOUNT}', '{LARGE}', '{LARGE}', 1, false, now(), now(), 'cluster number ' || n, ''
FROM generate_series(0, 199) AS n
""",
    f"""
INSERT INTO replica_sectors (account_id, sector_id, site_id, version, name, archived)
SELECT '{ACCOUNT}', sector, sector, 1, 'Equipment finance', false
FROM unnest(ARRAY['{LARGE}'::uuid, '{SMALL}'::uuid]) AS s (sector)
""",
)
COUNT = (
    "SELECT count(*) FROM keywords WHERE account_id = %s AND site_id = %s AND sector_id = %s AND NOT archived"
)
PAGE = f"""
SELECT k.keyword_id AS id, k.account_id, k.site_id, k.version, k.created_at, k.updated_at, k.sector_id, k.keyword, k.volume,
    k.difficulty, k.intent, k.status, k.cluster_id, k.cpc, k.locale, k.source, k.volume_estimated, c.name AS cluster_name,
    s.name AS sector_name
FROM keywords k LEFT JOIN clusters c USING (cluster_id) LEFT JOIN replica_sectors s ON s.sector_id = k.sector_id
WHERE k.account_id = %s AND k.site_id = %s AND k.sector_id = %s AND NOT k.archived
ORDER BY k.created_at DESC, k.keyword_id LIMIT {SIZE}
"""
Ask = Callable[[], Awaitable[int]]
"""Reads a page once; returns how many rows it has."""


@on_the_services_loop
async def barely(parts: Parts, pairs: int) -> list[Figure]:
    """What the route does inside: conditions, transaction, count, page, envelope; without the HTTP around it."""
    urls = _store(parts)
    async with (
        _database(urls) as database,
        await psycopg.AsyncConnection.connect(
            urls.owner, autocommit=True, prepare_threshold=0, row_factory=dict_row, options=SESSION_OPTIONS
        ) as connection,
    ):

        async def bare() -> int:
            asked = (ACCOUNT, SMALL, SMALL)
            counted = await (await connection.execute(COUNT, asked)).fetchone()
            rows = await (await connection.execute(PAGE, asked)).fetchall()
            data = {
                "count": counted and counted["count"],
                "next": None,
                "previous": None,
                "results": rows,
            }
            now = datetime.now(UTC)
            orjson.dumps({"success": True, "data": data, "request_id": "bench-mark", "timestamp": now})
            return len(rows)

        ours = partial(_read, database, SMALL, PageOf(1, SIZE, None))
        return [
            await ratio(
                f"list of {SIZE} rows, against fetch + orjson",
                lambda: _rate(ours),
                lambda: _rate(bare),
                pairs,
                at_most=1.6,
                turns=TURNS,
            )
        ]


@on_the_services_loop
async def deep(parts: Parts, pairs: int) -> list[Figure]:
    """The last of 1,000 pages and the one in the middle by their numbers, and page 1,000 by its cursor."""
    async with _database(_store(parts)) as database:

        def of(page: PageOf) -> Callable[[], Awaitable[float]]:
            return lambda: _rate(partial(_read, database, LARGE, page))

        cursor = await _cursor_of_last(database)
        first, first_by_cursor = of(PageOf(1, SIZE, None)), of(PageOf(1, SIZE, None, ""))
        asked = (
            (f"page {PAGES:,} against page 1", PageOf(PAGES, SIZE, None), first, 1.1),
            (
                f"page {PAGES:,} against page 1, by cursor",
                PageOf(1, SIZE, None, cursor),
                first_by_cursor,
                1.1,
            ),
            (f"page {PAGES // 2:,} of {PAGES:,} against page 1", PageOf(PAGES // 2, SIZE, None), first, None),
        )
        found = []
        for name, page, control, at_most in asked:
            figure = await ratio(name, of(page), control, pairs, at_most=at_most or 1.1, turns=TURNS)
            found.append(figure if at_most else _for_information(figure))
        return found


@on_the_services_loop
async def against_django(parts: Parts, pairs: int) -> list[Figure]:
    """The same list over HTTP, from one process each, on the same rows."""
    urls = _store(parts)
    async with AsyncExitStack() as stack:
        broker = stack.enter_context(parts.embedded())
        planner = await stack.enter_async_context(served("planner", IDENTITY, urls, broker))
        django = await stack.enter_async_context(_django(urls.owner))
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def ask(url: str, headers: Mapping[str, str], rows: Callable[[Any], list[Any]]) -> int:
            wanted = {"site_id": str(SMALL), "sector_id": str(SMALL), "page_size": str(SIZE)}
            async with session.get(f"{url}{PATH}", params=wanted, headers=headers) as response:
                response.raise_for_status()
                return len(rows(orjson.loads(await response.read())))

        async def ours() -> int:
            return await ask(planner.url, planner.headers(), lambda body: body["data"]["results"])

        async def theirs() -> int:
            return await ask(django, {"X-Account": str(ACCOUNT)}, lambda body: body["results"])

        return [
            await ratio(
                f"list of {SIZE} rows, against Django REST framework",
                lambda: _rate(ours, CLIENTS),
                lambda: _rate(theirs, CLIENTS),
                pairs,
                at_least=4,
                turns=TURNS,
            )
        ]


def _for_information(figure: Figure) -> Figure:
    return Figure(
        figure.name, figure.value, figure.low, figure.high, figure.unit, noise=figure.noise, note=figure.note
    )


def _store(parts: Parts) -> ServiceUrls:
    return parts.store("planner", PAGES * SIZE, *FILL)


@asynccontextmanager
async def _database(urls: ServiceUrls) -> AsyncIterator[Database]:
    database = Database(urls.service, MODEL)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def _page(database: Database, sector_id: UUID, page: PageOf) -> dict[str, Any]:
    request = Request(
        {"type": "http", "path": PATH, "query_string": b"", "headers": [], "server": ("bench", 80)}
    )
    query = listed(
        ROWS,
        keywords,
        CallerOf(IDENTITY, None, PATH),
        FilterOf(sector_id, sector_id, False),
        counting=COUNTED,
    )
    async with database.transaction(ACCOUNT) as tx:
        return await paginate(
            tx,
            query,
            page,
            request,
            ordering=ORDERING,
            tie=keywords.c.keyword_id,
            show=lambda row: shown(row, "keyword_id"),
        )


async def _read(database: Database, sector_id: UUID, page: PageOf) -> int:
    found = await _page(database, sector_id, page)
    answer(found)
    return len(found["results"])


async def _cursor_of_last(database: Database) -> str:
    """The cursor of the last page of the large sector."""
    cursor = ""
    for size in (*[2 * SIZE] * (PAGES // 2 - 1), SIZE):
        following = (await _page(database, LARGE, PageOf(1, size, None, cursor)))["next"]
        cursor = parse_qs(urlsplit(following).query)["cursor"][0]
    return cursor


async def _rate(ask: Ask, clients: int = 1) -> float:
    """Pages a second to clients of which each reads one after another."""
    began, done = monotonic(), 0

    async def client() -> None:
        nonlocal done
        while monotonic() < began + SECONDS:
            assert await ask() == SIZE
            done += 1

    await asyncio.gather(*(client() for _ in range(clients)))
    return done / (monotonic() - began)


@asynccontextmanager
async def _django(database: str) -> AsyncIterator[str]:
    """Its base URL."""
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        command = [
            *(sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "1"),
            *("--worker-class", "gthread", "--threads", str(THREADS), "--log-level", "warning"),
            "benchmarks.django_peer:application",
        ]
        process = Process(
            command, Path(directory) / "log", cwd=ROOT, environment={**os.environ, "BENCH_DATABASE": database}
        )
        try:
            await asyncio.to_thread(process.wait_until, lambda: answers(port), 30)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
