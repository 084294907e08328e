"""Roles and databases on one PostgreSQL server, embedded or given by its URL."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import InsufficientPrivilege

from igny8_local.errors import StackError
from igny8_local.keys import Credentials
from igny8_local.services import SECRETS

Duty = Literal["owner", "service", "relay"]
DUTIES: tuple[Duty, ...] = ("owner", "service", "relay")

# A transaction of a service takes milliseconds; one left open holds back vacuum on every outbox.
_IDLE_IN_TRANSACTION = "60s"
_BOOTSTRAP_LOCK = 0x69676E79  # one bootstrap at a time on a server: "igny" in ASCII


@dataclass(frozen=True)
class Databases:
    """The databases of one stack: `<prefix>_<service>`, with a role for each duty.

    owner: owns the tables, migrates them, bypasses row-level security. service: reads and writes under it.
    relay: reads the outbox of all tenants.
    """

    admin_url: str
    credentials: Credentials
    prefix: str = "igny8"

    def name(self, service: str) -> str:
        return f"{self.prefix}_{service}"

    def role(self, service: str, duty: Duty) -> str:
        return self.name(service) if duty == "service" else f"{self.name(service)}_{duty}"

    def url(self, service: str, duty: Duty = "service") -> str:
        """A libpq URL with the password in it."""
        role = self.role(service, duty)
        return _replace(self.admin_url, role, self.credentials.password(role), self.name(service))

    def bootstrap(self, services: Iterable[str]) -> dict[str, str | None]:
        """Creates what is missing; the digest of the migrations already applied to each database.

        Running it again changes nothing. Raises StackError where the server is away, the administrator may
        not create what is needed, or the roles serve another stack.
        """
        services = (*services, SECRETS)
        try:
            with psycopg.connect(self.admin_url, autocommit=True, connect_timeout=10) as connection:
                connection.execute("SELECT pg_advisory_lock(%s)", (_BOOTSTRAP_LOCK,))
                self._refuse_roles_in_use(connection, services)
                for service in services:
                    self._create_roles(connection, service)
                    self._create_database(connection, service)
                return self._migrated(connection, services)
        except InsufficientPrivilege as error:
            raise StackError(
                f"The role of IGNY8_DATABASE may not create the roles and databases {self.prefix}_*: "
                f"{error.diag.message_primary}. Give it a superuser, or CREATEDB, CREATEROLE and BYPASSRLS."
            ) from error
        except psycopg.OperationalError as error:
            raise StackError(
                f"No answer from the database server {without_password(self.admin_url)}: {str(error).strip()}"
            ) from error

    def mark_migrated(self, digests: Mapping[str, str]) -> None:
        """Remembers, in the databases themselves, which migrations they have seen."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            for service, digest in digests.items():
                connection.execute(
                    sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                        sql.Identifier(self.name(service)), sql.Literal(f"igny8 migrations {digest}")
                    )
                )

    def _roles(self, service: str) -> list[tuple[str, Duty]]:
        duties = DUTIES if service != SECRETS else ("owner", "service")
        return [(self.role(service, duty), duty) for duty in duties]

    def _refuse_roles_in_use(self, connection: psycopg.Connection[Any], services: Iterable[str]) -> None:
        """A data directory without passwords gives the roles new ones, unless somebody works with them."""
        roles = [role for service in services for role, _ in self._roles(service)]
        foreign = [role for role in roles if role not in self.credentials.known_before]
        query = "SELECT DISTINCT usename FROM pg_stat_activity WHERE usename = ANY(%s) ORDER BY 1"
        if used := connection.execute(query, (foreign,)).fetchall():
            raise StackError(
                f"Another stack works on {without_password(self.admin_url)} with the roles "
                f"{', '.join(role for (role,) in used)}. Stop it, or set IGNY8_DATABASE_PREFIX to a name of your own."
            )

    def _create_roles(self, connection: psycopg.Connection[Any], service: str) -> None:
        for role, duty in self._roles(service):
            identifier = sql.Identifier(role)
            bypass = duty == "owner"
            query = "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = %s"
            found = connection.execute(query, (role,)).fetchone()
            if found is None:
                right = sql.SQL("BYPASSRLS" if bypass else "NOBYPASSRLS")
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN {}").format(identifier, right))
            elif found != (False, bypass):
                right = sql.SQL("NOSUPERUSER BYPASSRLS" if bypass else "NOSUPERUSER NOBYPASSRLS")
                connection.execute(sql.SQL("ALTER ROLE {} {}").format(identifier, right))
            password = sql.Literal(self.credentials.password(role))
            connection.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(identifier, password))
            if duty != "owner":
                connection.execute(
                    sql.SQL("ALTER ROLE {} SET idle_in_transaction_session_timeout = {}").format(
                        identifier, sql.Literal(_IDLE_IN_TRANSACTION)
                    )
                )

    def _create_database(self, connection: psycopg.Connection[Any], service: str) -> None:
        name = self.name(service)
        owner = sql.Identifier(self.role(service, "owner"))
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
            # Only a member of the owning role may give it a database; a superuser is a member of all.
            connection.execute(
                sql.SQL(
                    "DO $$ BEGIN IF NOT pg_has_role(current_user, {name}, 'MEMBER') "
                    "THEN GRANT {owner} TO CURRENT_USER; END IF; END $$"
                ).format(name=sql.Literal(self.role(service, "owner")), owner=owner)
            )
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(
                    sql.Identifier(name), owner
                )
            )
            connection.execute(
                sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name))
            )
        users = sql.SQL(", ").join(
            sql.Identifier(role) for role, duty in self._roles(service) if duty != "owner"
        )
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(name), users))

    def _migrated(
        self, connection: psycopg.Connection[Any], services: Iterable[str]
    ) -> dict[str, str | None]:
        by_name = {self.name(service): service for service in services}
        query = (
            "SELECT datname, substring(shobj_description(oid, 'pg_database') from '^igny8 migrations (.+)$') "
            "FROM pg_database WHERE datname = ANY(%s)"
        )
        rows = connection.execute(query, (list(by_name),)).fetchall()
        return {by_name[name]: digest for name, digest in rows}


def without_password(url: str) -> str:
    """Where a server is, for people: `host:port`."""
    parts = conninfo_to_dict(url)
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}"


def _replace(url: str, user: str, password: str, database: str) -> str:
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    for replaced in ("user", "password", "dbname"):
        parts.pop(replaced, None)
    host, port = parts.get("host", ""), parts.get("port", "")
    where = ""
    if host and not host.startswith("/") and "," not in host:
        where = f"[{host}]" if ":" in host else host
        where += f":{port}" if port else ""
        parts.pop("host")
        parts.pop("port", None)
    query = f"?{urlencode(parts, quote_via=quote, safe='/')}" if parts else ""
    return f"postgresql://{quote(user)}:{quote(password)}@{where}/{quote(database)}{query}"
