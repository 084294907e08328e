"""The gateway's answers over all services, with many events loaded: dashboard, search, notifications and progress of one tenant.

All events are one tenant's, the worst there can be: each has made one entry, in five sites of four sectors, over the
last hundred days, and one item of an operation of twenty. Texts are three of 8,000 made words, common ones far more often
than others, and a number. What is measured is a request to the gateway in this process, whose caller is believed.
"""

import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any
from unittest.mock import patch
from urllib.parse import quote
from uuid import UUID

import httpx
from common.auth.identity import Identity
from gateway.edge.callers import Callers
from gateway.notifications.views import KEPT

from benchmarks.pairs import Figure, percentile
from benchmarks.parts import Parts
from tests.integration.gateway.running import make_gateway

TIMES = 200
"""Of a round: the fewest whose 95th percentile is not one of the slowest few."""
AT_MOST_MS = 100
TENANT = UUID(int=0x7000_8000 << 48)
SYLLABLES = [c + v for c, v in zip("bcdfghklmnprstvwxyzj", "aeiou" * 4, strict=True)]
SITES, SECTORS = 5, 20
ITEMS = 20
"""Of an operation."""

_PLACE = "('00000000-0000-7000-8000-' || lpad(to_hex(%s), 12, '0'))::uuid"

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
        {_PLACE % f"n %% {SITES}"} AS site_id, {_PLACE % f"n %% {SECTORS}"} AS sector_id,
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
    f"""
INSERT INTO activity_operations (account_id, operation_id, function, items, site_id, requested_at, reserved_at)
SELECT '{TENANT}', {_PLACE % "n"}, 'generate_ideas', {ITEMS}, {_PLACE % f"n %% {SITES}"}, now(), now()
FROM generate_series(0, %(rows)s / {ITEMS} - 1) AS n
""",
    f"""
INSERT INTO activity_items (account_id, operation_id, item_id, outcome, credits)
SELECT '{TENANT}', {_PLACE % f"n / {ITEMS}"}, {_PLACE % "n"}, 'succeeded', 1000 FROM generate_series(0, %(rows)s - 1) AS n
""",
    f"""
INSERT INTO notifications (account_id, id, kind, message, task_id, created_at)
SELECT '{TENANT}', {_PLACE % "n"}, 'operation_failed', 'generate_ideas has failed: no answer', {_PLACE % "n"},
    now() - make_interval(mins => n) FROM generate_series(0, {KEPT} - 1) AS n
""",
    f"""
INSERT INTO notification_reads (account_id, user_id, notification_id)
SELECT account_id, '{TENANT}', id FROM notifications WHERE created_at < now() - make_interval(mins => {KEPT // 2})
""",
)


def _place(number: int) -> UUID:
    return UUID(int=(0x7000_8000 << 48) | number)


async def dashboards(parts: Parts, pairs: int) -> list[Figure]:
    """Of the whole account, of a site and of a sector in turn."""
    chance = random.Random(1)

    def path() -> str:
        place = _place(chance.randrange(SITES))
        return "dashboard/" + chance.choice(("", f"?site_id={place}", f"?sector_id={place}"))

    return [await _percentile(parts, pairs, "dashboard", path)]


async def searches(parts: Parts, pairs: int) -> list[Figure]:
    """Two words, the beginning of one, a mistyped one, a common one, in turn."""
    chance = random.Random(1)

    def word(skew: int) -> str:
        n = int(7999 * chance.random() ** skew)
        return SYLLABLES[n // 400 % 20] + SYLLABLES[n // 20 % 20] + SYLLABLES[n % 20]

    def path() -> str:
        one = word(1)
        text = chance.choice((f"{word(3)} {word(3)}", one[:5], one[1] + one[0] + one[2:], word(3)))
        return f"search/?q={quote(text)}"

    return [await _percentile(parts, pairs, "search", path)]


async def notifications(parts: Parts, pairs: int) -> list[Figure]:
    """As many as an account keeps, half of them read: a page of all, of the unread ones, and their number, in turn."""
    chance = random.Random(1)
    asked = ("notifications/", "notifications/?unread=true", "notifications/unread_count/")
    return [await _percentile(parts, pairs, "notifications", lambda: chance.choice(asked))]


async def progress(parts: Parts, pairs: int) -> list[Figure]:
    """Of any operation."""
    chance = random.Random(1)

    def path() -> str:
        return f"system/settings/task_progress/{_place(chance.randrange(parts.rows // ITEMS))}/"

    return [await _percentile(parts, pairs, "task progress", path)]


async def _percentile(parts: Parts, rounds: int, name: str, path: Callable[[], str]) -> Figure:
    urls = parts.store("gateway", parts.rows, *FILL)
    with (
        tempfile.TemporaryDirectory() as directory,
        parts.plain_database("secrets") as secret_urls,
        patch.object(Callers, "identify", _believed),
    ):
        gateway = make_gateway(urls, secret_urls, Path(directory))
        await gateway.runtime.database.open()
        try:
            async with gateway.client("nobody's") as client:
                taken = [await _round(client, path) for _ in range(rounds + 1)][1:]
        finally:
            await gateway.runtime.database.close()
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


async def _believed(_callers: Any, _authorization: str, request_id: str) -> Identity:
    return Identity(account_id=TENANT, user_id=TENANT, role="owner", request_id=request_id)


async def _round(client: httpx.AsyncClient, path: Callable[[], str]) -> list[float]:
    taken = []
    for _ in range(TIMES):
        asked = f"/api/v1/{path()}"
        began = monotonic()
        response = await client.get(asked)
        taken.append(monotonic() - began)
        assert response.status_code == 200, response.text
    return taken
