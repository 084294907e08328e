"""The tables of the kit, as SQL files; a released version is never edited, changes come as a `create_v2`."""

from importlib.resources import files
from typing import Any

from procrastinate.schema import SchemaManager

STORE = (
    "schema.sql",
    "open_stream.sql",
    "append_events.sql",
    "tenancy.sql",
    "lookups.sql",
    "advance_consumer.sql",
    "begin_incarnation.sql",
)


def create_v1(op: Any, *, replicas: bool = True) -> None:
    """Store, messaging and jobs; `replicas` False for the service that owns the accounts."""
    store = files("common.eventsourcing") / "sql"
    for name in STORE:
        run_script(op, (store / name).read_text())
    run_script(op, SchemaManager.get_schema())
    if replicas:
        run_script(op, (files("common.replicas") / "schema.sql").read_text())
    run_script(op, (files("common.ai.operations") / "schema.sql").read_text())


def create_v2(op: Any) -> None:
    """Erasure of accounts. Every table with a tenant forgets; `CALL keep_when_erased('table')` for one that does not.

    And an index to find answers by that are too old to be given again.
    """
    run_script(op, (files("common.erasure") / "erasure.sql").read_text())
    run_script(op, "CREATE INDEX idempotency_keys_by_age ON idempotency_keys (account_id, created_at)")


def create_v3(op: Any) -> None:
    """What a request with an Idempotency-Key asks, each in one round trip."""
    run_script(op, (files("common.eventsourcing") / "sql" / "idempotency.sql").read_text())


def run_script(op: Any, script: str) -> None:
    """Run a script of several statements as it stands (`%` and `:` have no meaning in it)."""
    op.get_bind().connection.driver_connection.execute(script)
