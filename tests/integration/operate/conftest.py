"""A migrated database with the toy's tables."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager

import psycopg
import pytest
from common.database import Database

from tests.integration.operate import tallies
from tests.support.database import ServiceUrls


@pytest.fixture
async def urls(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]],
) -> AsyncIterator[ServiceUrls]:
    with service_database("publisher") as urls:
        with psycopg.connect(urls.owner) as connection:
            connection.execute(tallies.SCHEMA)
        yield urls


@pytest.fixture
async def database(urls: ServiceUrls) -> AsyncIterator[Database]:
    database = Database(urls.service, tallies.MODEL, pool_size=12)
    await database.open()
    yield database
    await database.close()
