"""The gateway's answers over all services, with many events loaded: the dashboard and the search of one tenant.

All events are one tenant's, the worst there can be: each has made one entry, in five sites of four sectors, over the
last hundred days. Texts are three of 8,000 made words, common ones far more often than others, and a number. What is
measured is what the routes do inside their process: one transaction, the answer as JSON.
"""

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from statistics import median
from time import monotonic
from uuid import UUID

from common.api.envelope import encode
from common.database import Database, Transaction
from gateway.app import MODEL
from gateway.overview.dashboard import read_dashboard
from gateway.overview.search import read_search
from gateway.overview.views import SEARCHED, Within

from benchmarks.pairs import Figure, percentile
from benchmarks.parts import Parts

TIMES = 200
"""Of a round: the fewest whose 95th percentile is not one of the slowest few."""
AT_MOST_MS = 100
TENANT = UUID(int=0x7000_8000 << 48)
SYLLABLES = [c + v for c, v in zip("bcdfghklmnprstvwxyzj", "aeiou" * 4, strict=True)]
SITES, SECTORS = 5, 20

_FUNCTIONS = f"""
CREATE FUNCTION pg_temp.word(n integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT s[1 + n / 400 %% 20] || s[1 + n / 20 %% 20] || s[1 + n %% 20]
    FROM (SELECT string_to_array('{" ".join(SYLLABLES)}', ' ')) AS t (s)
$$
"""
_KIND = (
    "(ARRAY['keyword','keyword','keyword','keyword','keyword','keyword','cluster','idea','task','content'])"
    "[1 + n %% 10]"
)
_ENTRIES = f"""
INSERT INTO overview_entries (account_id, kind, id, site_id, sector_id, text, status, archived, amount, guard, guards, words,
    made_at, said_at)
SELECT '{TENANT}', kind, id, site_id, sector_id, text, status, false, 1, 1, array_fill(1, ARRAY[11]),
    array_to_tsvector(ARRAY(
        SELECT '{TENANT.hex}/' || kind || '/' || word FROM unnest(string_to_array(text, ' ')) AS w (word))), at, at
FROM (
    SELECT {_KIND} AS kind, uuidv7() AS id,
        ('00000000-0000-7000-8000-' || lpad(to_hex(n %% {SITES}), 12, '0'))::uuid AS site_id,
        ('00000000-0000-7000-8000-' || lpad(to_hex(n %% {SECTORS}), 12, '0'))::uuid AS sector_id,
        pg_temp.word((7999 * random() ^ 3)::integer) || ' ' || pg_temp.word((7999 * random() ^ 3)::integer) || ' '
            || pg_temp.word((7999 * random())::integer) || ' ' || n AS text,
        (ARRAY['new','queued','draft','review'])[1 + n %% 4] AS status,
        now() - make_interval(mins => n %% 144000) AS at
    FROM generate_series(0, %(rows)s - 1) AS n
) AS made
"""
FILL = (
    "SELECT setseed(0.5)",
    _FUNCTIONS,
    _ENTRIES,
    f"""
INSERT INTO overview_counts SELECT account_id, site_id, sector_id, kind, '', shown, made_on, count(*), sum(amount)
FROM overview_entries WHERE account_id = '{TENANT}' GROUP BY 1, 2, 3, 4, 6, 7
""",
    f"""
INSERT INTO overview_activity
SELECT account_id, id, 'planner', 'KeywordsChanged', said_at, kind, id, site_id, sector_id, text, 1
FROM overview_entries WHERE account_id = '{TENANT}'
""",
    f"INSERT INTO overview_positions VALUES ('{TENANT}', 'planner', %(rows)s, now())",
    f"""
INSERT INTO overview_spellings
SELECT DISTINCT '{TENANT}'::uuid, CASE at WHEN 0 THEN word ELSE left(word, at - 1) || substr(word, at + 1) END, word
FROM (SELECT pg_temp.word(n) AS word FROM generate_series(0, 7999) AS n) AS w, generate_series(0, length(word)) AS at
ON CONFLICT DO NOTHING
""",
)


async def dashboards(parts: Parts, pairs: int) -> list[Figure]:
    """Of the whole account, of a site and of a sector in turn."""
    chance = random.Random(1)
    today = datetime.now(UTC).date()

    async def read(tx: Transaction) -> object:
        place = UUID(int=(0x7000_8000 << 48) | chance.randrange(SITES))
        within = chance.choice((Within(), Within(site_id=place), Within(sector_id=place)))
        return await read_dashboard(tx, within, today, 30, 10)

    return [await _percentile(parts, pairs, "dashboard", read)]


async def searches(parts: Parts, pairs: int) -> list[Figure]:
    """Two words, the beginning of one, a mistyped one, a common one, in turn."""
    chance = random.Random(1)

    def word(skew: int) -> str:
        n = int(7999 * chance.random() ** skew)
        return SYLLABLES[n // 400 % 20] + SYLLABLES[n // 20 % 20] + SYLLABLES[n % 20]

    async def read(tx: Transaction) -> object:
        one = word(1)
        text = chance.choice((f"{word(3)} {word(3)}", one[:5], one[1] + one[0] + one[2:], word(3)))
        return await read_search(tx, text, SEARCHED, Within(), 10)

    return [await _percentile(parts, pairs, "search", read)]


async def _percentile(
    parts: Parts, rounds: int, name: str, read: Callable[[Transaction], Awaitable[object]]
) -> Figure:
    urls = parts.store("gateway", parts.rows, *FILL)
    database = Database(urls.service, MODEL)
    await database.open()
    try:
        taken = [await _round(database, read) for _ in range(rounds + 1)][1:]
    finally:
        await database.close()
    ends = [1_000 * percentile(each, 0.95) for each in taken]
    middle = 1_000 * median(percentile(each, 0.5) for each in taken)
    return Figure(
        f"{name}, p95 with {parts.rows:,} events",
        median(ends),
        min(ends),
        max(ends),
        "ms",
        at_most=AT_MOST_MS,
        note=f"median {middle:.1f} ms",
    )


async def _round(database: Database, read: Callable[[Transaction], Awaitable[object]]) -> list[float]:
    taken = []
    for _ in range(TIMES):
        began = monotonic()
        async with database.transaction(TENANT) as tx:
            encode(await read(tx))
        taken.append(monotonic() - began)
    return taken
