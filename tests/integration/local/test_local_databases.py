"""Roles and databases: who may do what, twice the same, and next to other stacks."""

from pathlib import Path

import psycopg
import pytest
from igny8_local.databases import Databases
from igny8_local.errors import StackError
from igny8_local.keys import Credentials
from igny8_local.stack import Stack
from psycopg.rows import scalar_row

SERVICES = ("planner", "writer")


@pytest.fixture
def databases(stack: Stack, tmp_path: Path) -> Databases:
    state = stack.state()
    assert state
    return Databases(state["admin_database"], Credentials(tmp_path / "credentials.json"), "other")


def test_a_second_bootstrap_changes_nothing(databases: Databases) -> None:
    first = databases.bootstrap(SERVICES)
    with psycopg.connect(databases.url("planner", "owner")) as owner:
        owner.execute("CREATE TABLE kept AS SELECT 1 AS one")
    databases.mark_migrated({"planner": "abc"})
    second = databases.bootstrap(SERVICES)
    assert first == {"planner": None, "writer": None, "secrets": None}
    assert second == first | {"planner": "abc"}
    with psycopg.connect(databases.url("planner", "owner")) as owner:
        assert owner.execute("SELECT one FROM kept").fetchone() == (1,)
        owner.execute("DROP TABLE kept")
    databases.mark_migrated({"planner": ""})


def test_only_the_owner_bypasses_row_level_security(databases: Databases) -> None:
    databases.bootstrap(SERVICES)
    with psycopg.connect(databases.url("planner", "owner")) as owner:
        owner.execute("DROP TABLE IF EXISTS facts; CREATE TABLE facts (account int)")
        owner.execute(
            "ALTER TABLE facts ENABLE ROW LEVEL SECURITY; ALTER TABLE facts FORCE ROW LEVEL SECURITY"
        )
        owner.execute("INSERT INTO facts VALUES (1)")
        owner.execute("GRANT SELECT ON facts TO other_planner, other_planner_relay")
    count = "SELECT count(*) FROM facts"
    seen = {}
    for duty in ("owner", "service", "relay"):
        with psycopg.connect(databases.url("planner", duty), row_factory=scalar_row) as connection:
            seen[duty] = connection.execute(count).fetchone()
    assert seen == {"owner": 1, "service": 0, "relay": 0}


def test_a_service_that_was_given_more_rights_loses_them(databases: Databases) -> None:
    databases.bootstrap(SERVICES)
    with psycopg.connect(databases.admin_url, autocommit=True) as admin:
        admin.execute("ALTER ROLE other_writer SUPERUSER BYPASSRLS")
        databases.bootstrap(SERVICES)
        query = "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = 'other_writer'"
        assert admin.execute(query).fetchone() == (False, False, False, False)


def test_a_service_creates_no_tables_and_reaches_no_other_database(databases: Databases) -> None:
    databases.bootstrap(SERVICES)
    with (
        psycopg.connect(databases.url("planner")) as service,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        service.execute("CREATE TABLE mine (one int)")
    elsewhere = databases.url("planner").replace("/other_planner?", "/other_writer?")
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(elsewhere)


def test_the_server_wants_the_password(databases: Databases) -> None:
    databases.bootstrap(SERVICES)
    wrong = databases.url("planner").replace(databases.credentials.password("other_planner"), "guessed")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_refuses_the_roles_of_a_stack_at_work(databases: Databases, tmp_path: Path) -> None:
    databases.bootstrap(SERVICES)
    stranger = Databases(databases.admin_url, Credentials(tmp_path / "stranger.json"), "other")
    with psycopg.connect(databases.url("writer")), pytest.raises(StackError, match="IGNY8_DATABASE_PREFIX"):
        stranger.bootstrap(SERVICES)
    with psycopg.connect(databases.url("writer")):  # and the passwords are as they were
        pass


def test_an_absent_server_is_named(tmp_path: Path) -> None:
    databases = Databases("postgresql://postgres:secret@127.0.0.1:1/x", Credentials(tmp_path / "c.json"))
    with pytest.raises(StackError, match=r"127\.0\.0\.1:1") as raised:
        databases.bootstrap(SERVICES)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("admin", "expected"),
    [
        (
            "postgresql://a:b@db.example:6543/postgres?sslmode=require",
            "@db.example:6543/igny8_planner?sslmode=require",
        ),
        ("host=/run/pg user=postgres", "@/igny8_planner?host=/run/pg"),
        ("postgresql://a@[::1]:5432/postgres", "@[::1]:5432/igny8_planner"),
        ("postgresql://a@h1:1,h2:2/x", "@/igny8_planner?host=h1%2Ch2&port=1%2C2"),
    ],
)
def test_urls_keep_what_the_administrator_gave(admin: str, expected: str, tmp_path: Path) -> None:
    credentials = Credentials(tmp_path / "credentials.json")
    password = credentials.password("igny8_planner")
    assert Databases(admin, credentials).url("planner") == f"postgresql://igny8_planner:{password}{expected}"
