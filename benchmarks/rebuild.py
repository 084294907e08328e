"""A projection built anew beside the live one, against copying the same rows out of the database."""

from time import monotonic

import psycopg
from common.eventsourcing.rebuild import rebuild

from benchmarks.pairs import Figure, ratio
from benchmarks.parts import MODEL, PROJECTION, Parts, fill

ROWS = 20_000


async def measure(parts: Parts, pairs: int) -> list[Figure]:
    with parts.database() as urls:
        fill(urls, ROWS)

        async def ours() -> float:
            began = monotonic()
            built = await rebuild(urls.owner, MODEL, PROJECTION)
            assert built.facts == ROWS
            return ROWS / (monotonic() - began)

        async def copy() -> float:
            began = monotonic()
            async with (
                await psycopg.AsyncConnection.connect(urls.owner) as connection,
                connection.cursor().copy(
                    "COPY (SELECT position, account_id, stream, version, event_id, type, data::text, meta::text,"
                    " recorded_at FROM events ORDER BY position) TO STDOUT"
                ) as rows,
            ):
                count = sum([1 async for _ in rows.rows()])
            assert count == ROWS
            return ROWS / (monotonic() - began)

        return [await ratio("rebuild, view written, 20,000 facts", ours, copy, pairs, at_least=0.5)]
