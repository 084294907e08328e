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


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests stay together on one worker, and all end-to-end tests on one: two stacks at once fill the machine."""
    for item in items:
        file = item.path.relative_to(item.config.rootpath)
        item.add_marker(pytest.mark.xdist_group("e2e" if "e2e" in file.parts else str(file)))
