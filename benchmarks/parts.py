"""The real parts the figures are measured on, each started when the first figure needs it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import psycopg
from common.database import Sql
from common.eventsourcing.decider import StreamName
from common.eventsourcing.event import Recorded
from common.model import Projection
from sqlalchemy.dialects.postgresql import insert

from tests.support import toy
from tests.support.database import PostgresServer, ServiceUrls, postgres_server
from tests.support.messaging import Broker, embedded_broker, real_broker
from tests.support.product import Product, product

ROOT = Path(__file__).parents[1]
ACCOUNTS = [UUID(int=number << 64) for number in range(1, 21)]
"""Twenty tenants."""

_upsert = insert(toy.counters)
UPSERT = _upsert.on_conflict_do_update(
    index_elements=["counter_id"],
    set_={"number": _upsert.excluded.number, "counted_at": _upsert.excluded.counted_at},
    where=toy.counters.c.number < _upsert.excluded.number,
)


async def _apply(sql: Sql, recorded: Sequence[Recorded[toy.Counted]]) -> None:
    last = recorded[-1]
    row = {
        "account_id": last.account_id,
        "counter_id": StreamName.parse(last.stream).id,
        "number": last.event.number,
        "counted_at": last.recorded_at,
    }
    await sql.execute(UPSERT, row)


PROJECTION = Projection("toy", ("counter",), (toy.counters,), _apply)
MODEL = replace(toy.MODEL, projections=(PROJECTION,))
"""The toy service of the tests, its view written by a statement that is compiled once, as services do."""

# The store's table without its guards, for the controls: the same columns, the same indexes.
BARE = """
CREATE TABLE bare_events (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account_id uuid NOT NULL,
    stream text NOT NULL, version integer NOT NULL, event_id uuid NOT NULL, type text NOT NULL, data jsonb NOT NULL,
    meta jsonb NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now(), UNIQUE (stream, version));
CREATE INDEX ON bare_events USING brin (recorded_at);
CREATE TABLE bare_counters (account_id uuid NOT NULL, counter_id uuid PRIMARY KEY, number integer NOT NULL,
    counted_at timestamptz NOT NULL);
GRANT ALL ON bare_events, bare_counters TO PUBLIC;
"""


class Parts:
    """Use as a context manager; what was started ends with it. `rows` is how many events a large store has.

    A `postgres` that runs already is used, and left running.
    """

    def __init__(self, rows: int, postgres: PostgresServer | None = None) -> None:
        self.rows = rows
        self._stack = ExitStack()
        self._stores: dict[tuple[str, int], ServiceUrls] = {}
        self._postgres = postgres
        self._kafka: Broker | None = None
        self._product: Product | None = None

    def __enter__(self) -> "Parts":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def kafka(self) -> Broker:
        """A real Apache Kafka."""
        if self._kafka is None:
            self._kafka = self._stack.enter_context(real_broker())
        return self._kafka

    def embedded(self) -> AbstractContextManager[Broker]:
        """A fresh embedded broker."""
        return embedded_broker()

    @property
    def product(self) -> Product:
        """The whole stack; the other parts are ended first, so that they take nothing from it."""
        if self._product is None:
            self._stack.close()
            self._postgres = self._kafka = None
            self._stores = {}
            self._product = self._stack.enter_context(product(IGNY8_LOG_LEVEL="WARNING"))
        return self._product

    def database(self, service: str = "publisher") -> AbstractContextManager[ServiceUrls]:
        """A fresh database with the toy's tables and the bare ones."""
        return _with_tables(self.plain_database, service)

    def plain_database(self, service: str) -> AbstractContextManager[ServiceUrls]:
        """A fresh database as the service has it."""
        if self._postgres is None:
            self._postgres = self._stack.enter_context(postgres_server())
        return self._postgres.service_database(service)

    def store(self, service: str, rows: int, *statements: str) -> ServiceUrls:
        """A database filled by the statements, whose parameter is `rows`; made once and kept for other figures."""
        if (service, rows) not in self._stores:
            urls = self._stack.enter_context(self.database(service))
            with psycopg.connect(urls.owner, autocommit=True) as connection:
                for statement in statements:
                    connection.execute(statement, {"rows": rows})
                connection.execute("VACUUM ANALYZE")
            self._stores[service, rows] = urls
        return self._stores[service, rows]


class _with_tables(AbstractContextManager[ServiceUrls]):
    def __init__(self, make: Callable[[str], AbstractContextManager[ServiceUrls]], service: str) -> None:
        self._made = make(service)

    def __enter__(self) -> ServiceUrls:
        urls = self._made.__enter__()
        with psycopg.connect(urls.owner) as connection:
            connection.execute(toy.SCHEMA)
            connection.execute(BARE)
        return urls

    def __exit__(self, *error: object) -> None:
        self._made.__exit__(None, None, None)


FACTS = """
INSERT INTO events (account_id, stream, version, event_id, type, data, meta)
SELECT ('00000000-0000-00' || lpad(to_hex(n / 20 %% 20 + 1), 2, '0') || '-0000-000000000000')::uuid,
    'counter-01900000-0000-7000-8000-' || lpad(to_hex(n / 20), 12, '0'), n %% 20 + 1, uuidv7(), 'Counted',
    jsonb_build_object('number', (n %% 20 + 1) * 2, 'padding', ''), '{}'
FROM generate_series(0, %(rows)s - 1) AS n
"""
"""Public facts of twenty accounts, twenty to a stream."""


def fill(urls: ServiceUrls, rows: int) -> None:
    """Put facts into the store."""
    with psycopg.connect(urls.owner) as connection:
        connection.execute(FACTS, {"rows": rows})
