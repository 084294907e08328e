"""A projection built anew beside the live one, and only its reading, against copying the same rows out of the database."""

from functools import partial
from itertools import cycle
from time import monotonic

import psycopg
from common.eventsourcing.rebuild import PAGE_POSITIONS, Beside, operator_connection, rebuild
from psycopg import sql

from benchmarks.pairs import Figure, ratio
from benchmarks.parts import FACTS, MODEL, PROJECTION, Parts

COPY = """
COPY (SELECT position, account_id, stream, version, event_id, type, data::text, meta::text, recorded_at
    FROM events WHERE position > {} AND position <= {} ORDER BY position) TO STDOUT
"""


async def decoded(parts: Parts, pairs: int) -> list[Figure]:
    """Every fact read and decoded as a rebuild does it, and given to nobody; each pair takes a part of the store."""
    url = _store(parts)
    part = -(-parts.rows // pairs)
    firsts = range(0, parts.rows, part)
    ours_next, copied_next = cycle(firsts), cycle(firsts)

    async def ours() -> float:
        facts, began = 0, monotonic()
        after = next(ours_next)
        last = min(after + part, parts.rows)
        async with operator_connection(url) as connection:
            beside = Beside(connection, MODEL, PROJECTION, "unused")
            for page in range(after, last, PAGE_POSITIONS):
                facts += len(await beside._read(page, min(page + PAGE_POSITIONS, last)))
        assert facts == last - after
        return facts / (monotonic() - began)

    async def copied() -> float:
        after = next(copied_next)
        return await _copy(url, after, min(after + part, parts.rows))

    name = f"rebuild, decoded, {parts.rows:,} events"
    return [await ratio(name, ours, copied, pairs, at_least=0.7)]


async def written(parts: Parts, pairs: int) -> list[Figure]:
    """A whole rebuild: read, apply, compare with the live view, which has a row for each stream of twenty facts."""
    url = _store(parts)
    await rebuild(url, MODEL, PROJECTION)  # so that the live view is there, as it mostly is

    async def ours() -> float:
        began = monotonic()
        built = await rebuild(url, MODEL, PROJECTION)
        assert built.facts == parts.rows
        return built.facts / (monotonic() - began)

    name = f"rebuild, view written, {parts.rows:,} events"
    copied = partial(_copy, url, 0, parts.rows)
    return [await ratio(name, ours, copied, pairs, at_least=0.5, warm_up=False)]


def _store(parts: Parts) -> str:
    return parts.store("publisher", parts.rows, FACTS).owner


async def _copy(url: str, after: int, last: int) -> float:
    """Rows a second, each as a tuple of its columns."""
    began = monotonic()
    async with (
        await psycopg.AsyncConnection.connect(url) as connection,
        connection.cursor().copy(sql.SQL(COPY).format(after, last)) as rows,
    ):
        count = sum([1 async for _ in rows.rows()])
    assert count == last - after
    return count / (monotonic() - began)
