"""Building the views over all services anew: a fact of a large account costs what one of a small one does."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import pairwise

import msgspec
import psycopg
from common.eventsourcing.rebuild import TEMPORARY, Beside, Connection, operator_connection
from common.ids import new_id
from gateway.app import MODEL
from gateway.overview.decisions import OVERVIEW
from gateway.overview.sights import sight_of
from gateway.overview.views import PROJECTION

from tests.integration.gateway.test_gateway_overview import Place, heard
from tests.support.database import ServiceUrls

Databases = Callable[[str], AbstractContextManager[ServiceUrls]]

FACTS = 100
"""Of each of the two parts that are compared, and between them twice as many."""
READ = """
SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::integer FROM pg_stat_user_tables
WHERE relname LIKE 'overview_%' AND schemaname LIKE 'pg_temp_%'
"""


async def test_as_many_rows_are_read_for_a_late_fact_as_for_an_early_one(service_database: Databases) -> None:
    """The plans are those that were made while the tables were empty: nobody analyses temporary ones."""
    account = new_id()
    sights = [
        (event.event_id, sight_of(event)) for _ in range(30) for event in heard(account, Place().said())
    ]
    with service_database("gateway") as urls:
        with psycopg.connect(urls.owner) as connection:
            connection.cursor().executemany(
                "INSERT INTO events (account_id, stream, version, event_id, type, data, meta)"
                " VALUES (%s, %s, 1, %s, 'EntriesSeen', %s, '{}')",
                [
                    (account, str(OVERVIEW.stream(id)), new_id(), msgspec.json.encode(sight).decode())
                    for id, sight in sights
                ],
            )
        async with operator_connection(urls.owner) as building:
            beside = Beside(building, MODEL, PROJECTION, TEMPORARY)
            await beside.create()
            read = [0]
            for reached, last in ((0, FACTS), (FACTS, 3 * FACTS), (3 * FACTS, 4 * FACTS)):
                assert await beside.build(reached, last, lambda _reached, _last: None) == last - reached
                read.append(await rows_read(building))
    early, _, late = (after - before for before, after in pairwise(read))
    assert FACTS < late < 1.5 * early


async def rows_read(connection: Connection) -> int:
    await connection.execute("SELECT pg_stat_force_next_flush()")
    row = await (await connection.execute(READ)).fetchone()
    assert row is not None
    return int(row[0])
