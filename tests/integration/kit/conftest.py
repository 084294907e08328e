"""The toy service on a database of its own."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest
from common.database import Database

from tests.integration.kit.toy_api import ToyApi
from tests.support import toy
from tests.support.database import ServiceUrls


@pytest.fixture
def toy_urls(service_database: Callable[[str], AbstractContextManager[ServiceUrls]]) -> Iterator[ServiceUrls]:
    with service_database("publisher") as urls:
        with psycopg.connect(urls.owner) as connection:
            connection.execute(toy.SCHEMA)
        yield urls


@pytest.fixture
async def toy_database(toy_urls: ServiceUrls) -> AsyncIterator[Database]:
    database = Database(toy_urls.service, toy.MODEL, pool_size=10)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def api(toy_database: Database, tmp_path: Path) -> AsyncIterator[ToyApi]:
    api = ToyApi(toy_database, tmp_path / "jwks.json")
    async with api.client:
        yield api
