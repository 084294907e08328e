"""A real PostgreSQL for tests, with migrated databases made as the embedded stack makes them."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import uuid4

import psycopg
from common.migrate import migrate
from igny8_local.databases import Databases
from igny8_local.keys import Credentials
from igny8_local.postgres import EmbeddedPostgres
from psycopg import sql

from tests.parts.ports import wait_for


@dataclass(frozen=True)
class ServiceUrls:
    """The URLs of one service's database, by duty."""

    service: str
    relay: str
    owner: str


class PostgresServer:
    """One embedded PostgreSQL in a temporary directory. Databases are copies of a template migrated once."""

    def __init__(self, directory: Path, *, synced: bool = True) -> None:
        self.directory = directory
        # To drop a database waits for every connection that is being made, also for one whose client, this very thread, is
        # at the dropping: until the server gives up on it, after a minute by default.
        self._options = ("-c", "authentication_timeout=10s", *(() if synced else ("-c", "fsync=off")))
        self._embedded = EmbeddedPostgres(directory / "postgres", "test")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self._embedded.url

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self._embedded.prepare()
        self._process = subprocess.Popen(
            [*self._embedded.command, *self._options],
            user=self._embedded.user,
            cwd=self._embedded.directory,
            stdout=(self.directory / "postgres.log").open("ab"),
            stderr=subprocess.STDOUT,
        )
        process = self._process
        wait_for(lambda: self._embedded.is_ready(process.pid), what="PostgreSQL accepts connections")

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(2)  # fast shutdown
            self._process.wait(60)
            self._process = None

    def databases(self, prefix: str) -> Databases:
        return Databases(self.url, Credentials(self.directory / f"{prefix}-credentials.json"), prefix)

    @cache  # noqa: B019  the server lives as long as the test run
    def _template(self, service: str) -> Databases:
        databases = self.databases("template")
        databases.bootstrap([service])
        for name in (service,):
            migrate(
                name,
                databases.url(name, "owner"),
                service_role=databases.role(name, "service"),
                relay_role=databases.role(name, "relay") if name != "secrets" else "",
            )
        return databases

    @contextmanager
    def service_database(self, service: str) -> Iterator[ServiceUrls]:
        """A fresh, migrated database of a service; dropped afterwards."""
        template = self._template(service)
        name = f"{service}_{uuid4().hex[:12]}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                    sql.Identifier(name),
                    sql.Identifier(template.name(service)),
                    sql.Identifier(template.role(service, "owner")),
                )
            )
        old = f"/{template.name(service)}?"

        def url(duty: str) -> str:
            return template.url(service, duty).replace(old, f"/{name}?")  # type: ignore[arg-type]

        try:
            yield ServiceUrls(url("service"), url("relay") if service != "secrets" else "", url("owner"))
        finally:
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def postgres_server(*, synced: bool = True) -> Iterator[PostgresServer]:
    """Not `synced`, its data outlive every process, but not a crash of the machine."""
    with tempfile.TemporaryDirectory(prefix="igny8-pg-") as directory:
        Path(directory).chmod(0o755)
        server = PostgresServer(Path(directory), synced=synced)
        server.start()
        try:
            yield server
        finally:
            server.stop()
