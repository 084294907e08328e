"""What services keep of others' events is filled again from them (`igny8 replicas rebuild`)."""

import json
from importlib import import_module
from typing import Any

import psycopg
from common.contracts.base import SERVICES
from psycopg import sql

from tests.e2e.conftest import Shared
from tests.support.command import igny8


def test_replicas_are_as_they_were_whatever_was_lost_or_wrong(shared: Shared) -> None:
    product = shared.product
    product.quiet()
    before, told = product.digests(), followed(shared)
    for service, tables in replicas().items():
        with psycopg.connect(product.stack.database_url(service, "owner")) as connection:
            for table in tables:
                connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(table)))
    with psycopg.connect(product.stack.database_url("writer", "owner")) as connection:
        connection.execute(
            "INSERT INTO replica_clusters (account_id, cluster_id, sector_id, name, archived, said_at)"
            " VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'wrong', false, now())"
        )
    lost = product.digests()
    assert {name for name, digest in lost.items() if digest != before[name]} >= {
        "gateway.notifications",
        "gateway.activity_operations",
        "planner.replica_tasks",
        "publisher.replica_content",
        "writer.replica_clusters",
    }
    place = ("--data-dir", product.stack.layout.data_dir)
    done = igny8("replicas", "rebuild", "--empty", "--json", *place)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["filled"] is True
    assert product.digests() == before, "filled when the command says so"
    product.quiet()
    assert followed(shared) == told, "nothing else came of it"


def test_every_replica_is_in_the_list_of_its_service(shared: Shared) -> None:
    query = (
        "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'replica%%'"
    )
    for service, tables in replicas().items():
        names = [str(row["name"]) for row in shared.product.rows(service, query)]
        kept = {name for name in names if shared.product.scalar(service, f"SELECT count(*) FROM {name}")}
        assert kept <= set(tables), service


def replicas() -> dict[str, list[str]]:
    models = {service: import_module(f"{service}.app").SERVICE.model for service in SERVICES}
    return {service: [table.name for table in model.replicas] for service, model in models.items()}


def followed(shared: Shared) -> dict[str, Any]:
    """What events lead to beside replicas: facts, mails, and what live streams are told."""
    product = shared.product
    query = "SELECT count(*) FROM events"
    found: dict[str, Any] = {service: product.scalar(service, query) for service in SERVICES}
    found["to mail"] = product.scalar("gateway", "SELECT count(*) FROM notification_mails")
    found["live"] = product.scalar("gateway", "SELECT max(id) FROM live_events")
    found["mails"] = sorted(path.name for path in product.stack.layout.mail.glob("*.eml"))
    return found
