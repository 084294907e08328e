"""Who takes everything along, or goes, does so whole and once, wherever the worker is killed meanwhile."""

import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from common.contracts.base import SERVICES
from common.contracts.export import ExportPartReady, ExportRequested
from common.contracts.operations import ObjectRef
from common.crash_points import VARIABLE
from common.export.jobs import MEDIA_TYPE

from proving.leaving import left_of
from proving.orders import LEAVING, Orders
from tests.integration.gateway.mortal_worker import Arguments
from tests.integration.gateway.running import PASSWORD, Gateway, Tenant, make_gateway, new_master_key
from tests.integration.gateway.test_gateway_leaving import ask, say, shown
from tests.parts.ports import eventually
from tests.parts.process import Process
from tests.support.database import ServiceUrls

pytestmark = pytest.mark.usefixtures("uncounted")  # the same export and erasure at each of their points

EXPORT = [point for point in LEAVING if point.startswith("export.")]
ERASURE = [point for point in LEAVING if point.startswith("erasure.")]
CANARY = "canary-c0ffee"


@dataclass(frozen=True)
class House:
    """A gateway in this process, and the worker of it that dies."""

    gateway: Gateway
    secret_urls: ServiceUrls
    directory: Path
    orders: Orders
    owner: psycopg.Connection[Any]

    async def died_everywhere(self, points: list[Any]) -> bool:
        """Once what is to be said has been: a relay's work, that no worker does."""
        self.facts("DELETE FROM outbox RETURNING 1")
        return all(self.orders.died_at("gateway", point) for point in points)

    def facts(self, query: str, **parameters: Any) -> list[Any]:
        return self.owner.execute(query.encode(), parameters).fetchall()

    def jobs(self, name: str) -> list[Any]:
        """Those of a name that nobody has done: when they are due, in minutes from now."""
        return self.facts(
            "SELECT round(extract(epoch FROM scheduled_at - now()) / 60) FROM procrastinate_jobs"
            " WHERE task_name = %(name)s",
            name=name,
        )


@pytest.fixture
async def house(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]], tmp_path: Path
) -> AsyncIterator[House]:
    orders, key = Orders(tmp_path / "orders"), new_master_key()
    with service_database("gateway") as urls, service_database("secrets") as secret_urls:
        gateway = make_gateway(urls, secret_urls, tmp_path, master_key=key)
        await gateway.runtime.database.open()
        arguments = msgspec.json.encode(Arguments(urls, secret_urls, tmp_path, key), enc_hook=str).decode()
        worker = Process(
            [sys.executable, "-m", "tests.integration.gateway.mortal_worker", arguments],
            tmp_path / "worker.log",
            cwd=Path(__file__).parents[3],
            environment={VARIABLE: orders.environment[VARIABLE]},
        )
        try:
            with psycopg.connect(urls.owner, autocommit=True) as owner:
                yield House(gateway, secret_urls, tmp_path, orders, owner)
        finally:
            worker.kill()
            await gateway.runtime.extras["gateway"].audit.flush()
            await gateway.runtime.database.close()


async def exported(house: House, tenant: Tenant) -> None:
    for point in EXPORT:
        house.orders.give("gateway", point, 1)
    export_id = UUID(await ask(tenant))
    await say(tenant, "gateway", ExportRequested(export_id=export_id))
    await eventually(lambda: house.died_everywhere(EXPORT), what="a death at each point of an export")
    await eventually(lambda: not house.jobs("write_export_part"), what="the end of the job")
    parts = house.facts("SELECT data->'part' FROM events WHERE type = 'ExportPartWritten'")
    assert len(parts) == 1
    ((part,),) = parts
    objects = house.gateway.runtime.objects.of(tenant.account_id)
    lines = (await objects.get(ObjectRef(**part))).splitlines()
    assert [json.loads(line)["kind"] for line in lines].count("accounts") == 1
    for service in SERVICES:
        given = ObjectRef(**part) if service == "gateway" else await objects.put(b"{}\n", MEDIA_TYPE)
        for _ in range(2):
            await say(tenant, service, ExportPartReady(export_id=export_id, part=given))
    assert (await shown(tenant, str(export_id)))["status"] == "completed"
    assert len(house.facts("SELECT FROM events WHERE type = 'ExportCompleted'")) == 1


async def erased(house: House, tenant: Tenant) -> None:
    for point in ERASURE:
        house.orders.give("gateway", point, 1)
    async with tenant.client() as client:
        body = {"account_slug": tenant.registered["account_slug"], "password": PASSWORD}
        answer = await client.post("/api/v1/account/erase/", json=body)
    assert answer.status_code == 200, answer.text
    await eventually(lambda: house.died_everywhere(ERASURE), what="a death at each point of an erasure")

    def only_the_last_sweep() -> bool:
        return {minutes for (minutes,) in house.jobs("erase_account")} <= {19, 20}

    await eventually(only_the_last_sweep, what="the end of the job")
    await house.gateway.runtime.extras["gateway"].audit.flush()
    assert await left_of(house.gateway, house.secret_urls, tenant) == []


def holding(house: House, text: str) -> set[str]:
    """The tables and folders that hold a text."""
    found = {
        path.parent.name
        for path in (house.directory / "objects").rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    }
    for urls in (house.gateway.urls, house.secret_urls):
        with psycopg.connect(urls.owner, autocommit=True) as connection:
            tables = connection.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            ).fetchall()
            for (table,) in tables:
                query = f"SELECT FROM {table} t WHERE to_jsonb(t)::text LIKE %s LIMIT 1"
                if connection.execute(query.encode(), (f"%{text}%",)).fetchone() is not None:
                    found.add(table)
    return found


async def test_at_each_point_of_an_export_and_of_an_erasure(house: House) -> None:
    """The export is complete and one; the erasure leaves nothing."""
    tenant = await house.gateway.register(account_name=f"{CANARY} Ltd")
    stays = await house.gateway.register(account_name="Somebody else")
    async with tenant.client() as client:
        await client.post("/api/v1/account/sites/", json={"name": f"{CANARY} shop"})
    await exported(house, tenant)
    await house.gateway.runtime.objects.of(tenant.account_id).put(CANARY.encode(), "text/plain")
    assert {"events", "sites"} < holding(house, CANARY)
    await erased(house, tenant)
    assert holding(house, CANARY) == set()
    async with stays.client() as client:
        assert (await client.get("/api/v1/account/")).json()["data"]["name"] == "Somebody else"
