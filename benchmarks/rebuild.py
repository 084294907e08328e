"""A projection built anew beside the live one, and only its reading, against copying the same rows out of the database."""

from time import monotonic

import psycopg
from common.eventsourcing import rebuild as engine
from common.eventsourcing.rebuild import Beside, operator_connection, rebuild

from benchmarks.pairs import Figure, ratio
from benchmarks.parts import FACTS, MODEL, PROJECTION, Parts

COPY = """
COPY (SELECT position, account_id, stream, version, event_id, type, data::text, meta::text, recorded_at
    FROM events ORDER BY position) TO STDOUT
"""


async def decoded(parts: Parts, pairs: int) -> list[Figure]:
    """Every fact read and decoded as a rebuild does it, and given to nobody."""
    url = _store(parts)

    async def ours() -> float:
        facts, began = 0, monotonic()
        async with operator_connection(url) as connection:
            beside = Beside(connection, MODEL, PROJECTION, "unused")
            last = await engine.last_position(connection)
            for after in range(0, last, engine.PAGE_POSITIONS):
                facts += len(await beside._read(after, min(after + engine.PAGE_POSITIONS, last)))
        assert facts >= parts.rows
        return facts / (monotonic() - began)

    name = f"rebuild, decoded, {parts.rows:,} events"
    return [await ratio(name, ours, lambda: _copy(url), pairs, at_least=0.7)]


async def written(parts: Parts, pairs: int) -> list[Figure]:
    """A whole rebuild: read, apply, compare with the live view. The view has a row for each stream of twenty facts."""
    url = _store(parts)

    async def ours() -> float:
        began = monotonic()
        built = await rebuild(url, MODEL, PROJECTION)
        assert built.facts >= parts.rows
        return built.facts / (monotonic() - began)

    name = f"rebuild, view written, {parts.rows:,} events"
    return [await ratio(name, ours, lambda: _copy(url), pairs, at_least=0.5)]


def _store(parts: Parts) -> str:
    return parts.store("publisher", parts.rows, FACTS).owner


async def _copy(url: str) -> float:
    began = monotonic()
    async with (
        await psycopg.AsyncConnection.connect(url) as connection,
        connection.cursor().copy(COPY) as rows,
    ):
        count = sum([1 async for _ in rows.rows()])
    return count / (monotonic() - began)
