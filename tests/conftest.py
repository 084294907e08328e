"""Fixtures that any test may use."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.support.database import PostgresServer, ServiceUrls, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One real PostgreSQL for the whole run."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def service_database(postgres: PostgresServer) -> Callable[[str], AbstractContextManager[ServiceUrls]]:
    """`with service_database("billing") as urls:` a fresh, migrated database of a service."""
    return postgres.service_database
