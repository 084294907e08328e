"""Fixtures that any test may use."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
import structlog
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.support import untraced
from tests.support.database import PostgresServer, ServiceUrls, postgres_server

structlog.configure(  # the default draws every frame with its locals: seconds for each provoked error
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture
def uncounted() -> Iterator[None]:
    """For what passes the same lines very often, and takes half the time where coverage does not look."""
    with untraced.here():
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One real PostgreSQL for the whole run. Hundreds of databases come and go: their files are not synced to the disk."""
    with postgres_server(synced=False) as server:
        yield server


@pytest.fixture(scope="session")
def service_database(postgres: PostgresServer) -> Callable[[str], AbstractContextManager[ServiceUrls]]:
    """`with service_database("billing") as urls:` a fresh, migrated database of a service."""
    return postgres.service_database


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: end-to-end tests all go to one worker. Of them the files that need the shared stack come last,
    so that it does not run beside the stacks of the others."""
    sharing = {
        item.path for item in items if isinstance(item, pytest.Function) and "shared" in item.fixturenames
    }
    items.sort(key=lambda item: ("e2e" not in item.path.parts, item.path in sharing))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """What decides which worker runs which test. (Groups of `--dist loadgroup` do nothing under pytest 9.2.)"""
    return FilesTogether(config, log)


class FilesTogether(LoadScopeScheduling):
    """A file's tests stay on one worker, and all end-to-end tests on one: two stacks at once fill the machine."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "e2e" if file.startswith("tests/e2e/") else file
