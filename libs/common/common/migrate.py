"""`python -m common.migrate SERVICE`: bring a service's database to the newest migration and set its grants.

Reads IGNY8_MIGRATION_DATABASE (URL of the owner role), IGNY8_SERVICE_ROLE and IGNY8_RELAY_ROLE. Running it again
changes nothing. `secrets` stands for the secret store's database.
"""

import importlib.util
import os
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

LOCK_TIMEOUT = "SET lock_timeout = '10s'"
"""A migration that cannot get its lock soon must not make everybody queue behind it."""


def main() -> None:
    (service,) = sys.argv[1:]
    migrate(
        service,
        os.environ["IGNY8_MIGRATION_DATABASE"],
        service_role=os.environ["IGNY8_SERVICE_ROLE"],
        relay_role=os.environ.get("IGNY8_RELAY_ROLE", ""),
    )


def migrate(service: str, url: str, *, service_role: str, relay_role: str) -> None:
    """Run what is missing. Raises psycopg or Alembic errors; a failed run leaves the database as it was."""
    if service == "secrets":
        _migrate_secrets(url, service_role)
        return
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    config = Config()
    config.set_main_option("script_location", str(migrations_of(service)))
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        connection.exec_driver_sql(LOCK_TIMEOUT)
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7815)")  # two starting replicas migrate once
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        driver: Any = connection.connection.driver_connection
        grant(driver, service_role=service_role, relay_role=relay_role)
    engine.dispose()


def migrations_of(service: str) -> Path:
    """The service's `migrations` folder, beside its package."""
    spec = importlib.util.find_spec(service)
    if spec is None or spec.origin is None:
        raise SystemExit(f"there is no service package named {service!r}")
    return Path(spec.origin).parent.parent / "migrations"


def head_of(service: str) -> str:
    """The newest revision in the code: files are named `NNNN_what.py`."""
    return max(path.name[:4] for path in (migrations_of(service) / "versions").glob("[0-9]*.py"))


def grant(connection: psycopg.Connection[Any], *, service_role: str, relay_role: str) -> None:
    """The service may use views and jobs freely but never change facts; the relay's rights are in grants.sql."""
    service, relay = sql.Identifier(service_role), sql.Identifier(relay_role)
    for kind in ("TABLES", "SEQUENCES"):
        connection.execute(
            sql.SQL("GRANT ALL ON ALL {} IN SCHEMA public TO {}").format(sql.SQL(kind), service)
        )
    connection.execute(
        sql.SQL("REVOKE ALL ON events, outbox, outbox_dead_letters, alembic_version FROM {}").format(service)
    )
    connection.execute(sql.SQL("GRANT SELECT ON alembic_version TO {}").format(service))
    connection.execute("DROP POLICY IF EXISTS relay_reads_all ON events")
    script = (files("common.eventsourcing") / "sql" / "grants.sql").read_text()
    script = script.replace(":service", service.as_string(connection)).replace(
        ":relay", relay.as_string(connection)
    )
    connection.execute(script)


def _migrate_secrets(url: str, role: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(LOCK_TIMEOUT)
        connection.execute((files("common") / "secrets.sql").read_text())
        connection.execute(
            sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}").format(
                sql.Identifier(role)
            )
        )


if __name__ == "__main__":
    main()
