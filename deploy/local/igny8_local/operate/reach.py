"""How an operator's command reaches a service: its database as the owner, its model as installed.

The drivers and the services are loaded when they are needed: the other commands start without them.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from igny8_local.errors import StackError
from igny8_local.layout import data_directory
from igny8_local.services import SERVICES
from igny8_local.stack import Stack

if TYPE_CHECKING:
    import psycopg
    from common.model import ServiceModel
    from common.service import Service as InstalledService

Service = Annotated[str | None, typer.Option("--service", help=f"One of {', '.join(SERVICES)}; else all.")]
OneService = Annotated[str, typer.Option("--service", help=f"One of {', '.join(SERVICES)}.")]
Database = Annotated[
    str | None,
    typer.Option("--database", help="URL of the service's database as its owner; else the running stack's."),
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where the stack keeps its data (IGNY8_DATA_DIR; default .igny8)."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]

console = Console()
errors = Console(stderr=True)


class Reach:
    """The services a command was asked about."""

    def __init__(self, service: str | None, database: str | None, data_dir: Path | None) -> None:
        """Raises StackError for an unknown service, or a database of nobody knows which."""
        if service is not None and service not in SERVICES:
            raise StackError(f"There is no service {escape(repr(service))}; there is {', '.join(SERVICES)}.")
        if database is not None and service is None:
            raise StackError("Say with --service whose database --database is.")
        self.services: tuple[str, ...] = SERVICES if service is None else (service,)
        self._database = database
        self._data_dir = data_dir

    def url(self, service: str) -> str:
        """Raises StackError where the stack is not running."""
        return self._database or Stack(data_directory(self._data_dir)).database_url(service, "owner")

    @contextmanager
    def connection(self, service: str) -> Iterator["psycopg.Connection[Any]"]:
        """In autocommit, so that nothing an operator looks at holds back the service."""
        import psycopg

        with psycopg.connect(
            self.url(service), autocommit=True, connect_timeout=10, application_name="igny8-operator"
        ) as connection:
            yield connection


def model_of(service: str) -> "ServiceModel":
    """The service's deciders and projections; raises StackError where it is not installed."""
    return service_of(service).model


def service_of(service: str) -> "InstalledService":
    """What makes the service, with what it hears; raises StackError where it is not installed."""
    try:
        found: InstalledService = importlib.import_module(f"{service}.app").SERVICE
    except ModuleNotFoundError as error:
        if error.name not in (service, f"{service}.app"):
            raise
        raise StackError(f"The service {service} is not installed here.") from error
    return found


@contextmanager
def clear_errors() -> Iterator[None]:
    """What an operator can expect to go wrong becomes one line and exit code 1."""
    import psycopg
    from common.eventsourcing.rebuild import RebuildFailed
    from common.operate import OperatorError

    try:
        yield
    except (OperatorError, RebuildFailed) as error:
        raise StackError(escape(str(error))) from error
    except psycopg.errors.UndefinedTable as error:
        raise StackError(
            f"A table is missing ({escape(str(error.diag.message_primary))}): run ./igny8 up --migrate."
        ) from error
    except psycopg.OperationalError as error:
        raise StackError(f"The database does not answer: {escape(str(error).strip())}") from error


def progress_bar(*, hidden: bool) -> Progress:
    """On standard error, so that standard output is the answer alone."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, console=errors, disable=hidden)
