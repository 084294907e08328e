"""Export and erasure at the gateway: who may, what its own part holds, and when an export ends."""

import io
import json
import tarfile
from typing import Any
from uuid import UUID

import psycopg
from common.contracts import Contract
from common.contracts.base import SERVICES
from common.contracts.export import ExportPartFailed, ExportPartReady, ExportRequested
from common.contracts.operations import ObjectRef
from common.eventsourcing.event import Meta
from common.export.jobs import MEDIA_TYPE
from common.jobs.worker import Work
from gateway.app import SERVICE
from gateway.exports.jobs import handler
from msgspec.structs import replace

from proving.leaving import leave, running
from tests.integration.gateway.running import PASSWORD, Gateway, Tenant, heard
from tests.parts.ports import eventually
from tests.support.database import PostgresServer

PATH = "/api/v1/account/export/"
ERASE = "/api/v1/account/erase/"


async def say(tenant: Tenant, source: str, contract: Contract) -> None:
    """Have the gateway hear it, as from Kafka."""
    [event] = heard(tenant.account_id, contract)
    event = replace(event, source=source)

    async def hear(tx: Any) -> None:
        await SERVICE.reactions.handle(event, tx)

    await tenant.gateway.runtime.database.run(tenant.account_id, hear, event.meta)


async def ask(tenant: Tenant) -> str:
    async with tenant.client() as client:
        answer = await client.post(PATH)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["data"]["task_id"])


async def own_part(tenant: Tenant, export_id: str) -> ObjectRef:
    """The gateway's part, once its job has written it and it was heard."""
    await say(tenant, "gateway", ExportRequested(export_id=UUID(export_id)))

    async def written() -> Any:
        async with tenant.gateway.runtime.database.transaction(tenant.account_id) as tx:
            return await tx.scalar("SELECT data->'part' FROM events WHERE type = 'ExportPartWritten'")

    part = ObjectRef(**await eventually(written, what="the gateway's part"))
    await say(tenant, "gateway", ExportPartReady(export_id=UUID(export_id), part=part))
    return part


async def shown(tenant: Tenant, export_id: str) -> dict[str, Any]:
    async with tenant.client() as client:
        found: dict[str, Any] = (await client.get(f"{PATH}{export_id}/")).json()["data"]
        progress = (await client.get(f"/api/v1/system/settings/task_progress/{export_id}/")).json()["data"]
    return found | {"progress": (progress["status"], progress["percent"])}


async def test_its_own_part_holds_its_rows_and_no_secret(gateway: Gateway, tenant: Tenant) -> None:
    other = await gateway.register(account_name="Somebody else", first_name="Eve")
    async with tenant.client() as client:
        await client.patch("/api/v1/auth/me/", json={"first_name": "Ada"})
        await client.post("/api/v1/account/sites/", json={"name": "Our site"})
        settings = {"api_key": "sk-hidden", "is_active": False}
        await client.put("/api/v1/system/settings/integrations/openai/", json=settings)
    part = await own_part(tenant, await ask(tenant))
    text = (await gateway.runtime.objects.of(tenant.account_id).get(part)).decode()
    lines = [json.loads(line) for line in text.splitlines()]
    users = [line for line in lines if line["kind"] == "users"]
    assert [user["id"] for user in users] == [str(tenant.user_id)]
    [user] = users
    assert (user["fields"]["email"], user["fields"]["first_name"]) == (tenant.email, "Ada")
    assert [line["fields"]["name"] for line in lines if line["kind"] in ("accounts", "sites")] == [
        "Acme",
        "Our site",
    ]
    assert [line["fields"]["action"] for line in lines if line["kind"] == "audit_entries"]
    for hidden in ("password", "sk-hidden", "email_index", "secret", str(other.account_id), "Eve"):
        assert hidden not in text, hidden


async def test_is_complete_when_everybody_has_said_so(gateway: Gateway, tenant: Tenant) -> None:
    export_id = await ask(tenant)
    await own_part(tenant, export_id)
    assert await ask(tenant) == export_id, "one at a time"
    objects = gateway.runtime.objects.of(tenant.account_id)
    picture = await objects.put(b"a picture", "image/png")
    line = {"kind": "file", "id": picture.sha256, "fields": {**_fields(picture), "path": "?"}}
    for service in SERVICES[1:]:
        found = await shown(tenant, export_id)
        assert (found["status"], found["file"], found["progress"][0]) == ("running", None, "running")
        body = json.dumps(line, separators=(",", ":")) if service == "writer" else f'{{"kind":"{service}"}}'
        part = await objects.put(f"{body}\n".encode(), MEDIA_TYPE)
        await say(tenant, service, ExportPartReady(export_id=UUID(export_id), part=part))
    found = await shown(tenant, export_id)
    assert (found["status"], found["services"], found["progress"]) == (
        "completed",
        sorted(SERVICES),
        ("completed", 100),
    )
    async with tenant.client() as client:
        answer = await client.get(found["file"])
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as opened:
        names = opened.getnames()
        content = opened.extractfile(f"files/{picture.sha256}.png")
        assert content is not None
        assert content.read() == b"a picture"
    assert names == [*sorted(f"{service}.jsonl" for service in SERVICES), f"files/{picture.sha256}.png"]
    assert await ask(tenant) != export_id, "that one has ended"


def _fields(ref: ObjectRef) -> dict[str, Any]:
    return {"sha256": ref.sha256, "size": ref.size, "media_type": ref.media_type}


async def test_ends_with_its_time_and_takes_its_parts_along(gateway: Gateway, tenant: Tenant) -> None:
    export_id = await ask(tenant)
    part = await own_part(tenant, export_id)
    with psycopg.connect(gateway.urls.owner) as connection:
        [(arguments, days)] = connection.execute(
            "SELECT args, round(extract(epoch FROM scheduled_at - now()) / 86400) FROM procrastinate_jobs"
            " WHERE task_name = 'expire_export' AND args->'arguments'->>'export_id' = %s",
            (export_id,),
        ).fetchall()
    assert days == 7
    await handler(gateway.runtime).run(Work(tenant.account_id, Meta(), arguments["arguments"], 1))
    assert not await gateway.runtime.objects.of(tenant.account_id).has(part)
    assert (await shown(tenant, export_id))["status"] == "expired"
    async with tenant.client() as client:
        answer = await client.get(f"{PATH}{export_id}/file/")
    assert (answer.status_code, answer.json()["error_code"]) == (409, "EXPORT_NOT_READY")


async def test_fails_with_one_of_its_parts(tenant: Tenant) -> None:
    export_id = await ask(tenant)
    await say(tenant, "writer", ExportPartFailed(export_id=UUID(export_id), reason="It ended."))
    found = await shown(tenant, export_id)
    assert (found["status"], found["error"], found["progress"][0]) == (
        "failed",
        "writer: It ended.",
        "failed",
    )


async def test_is_for_owners_and_admins_alone(gateway: Gateway, tenant: Tenant) -> None:
    export_id = await ask(tenant)
    other = await gateway.register()
    async with other.client() as client:
        for path in (f"{PATH}{export_id}/", f"{PATH}{export_id}/file/"):
            assert (await client.get(path)).status_code == 404
    viewer = await tenant.invite("viewer")
    async with viewer.client() as client:
        assert (await client.post(PATH)).status_code == 403
        assert (await client.get(f"/api/v1/system/settings/task_progress/{export_id}/")).status_code == 403


async def test_an_admin_erases_nothing(gateway: Gateway, tenant: Tenant) -> None:
    admin = await tenant.invite("admin")
    async with admin.client() as client:
        answer = await client.post(
            ERASE, json={"account_slug": tenant.registered["account_slug"], "password": PASSWORD}
        )
        assert answer.status_code == 403
        assert (await client.get("/api/v1/account/")).status_code == 200


async def test_a_trial_that_has_ended_may_still_leave(gateway: Gateway, tenant: Tenant) -> None:
    """Also: a repeated request finds nobody, and a request that was measured leaves no trace."""
    with psycopg.connect(gateway.urls.owner) as connection:
        connection.execute(
            "UPDATE accounts SET trial_ends_at = now() - interval '1 day' WHERE account_id = %s",
            (tenant.account_id,),
        )
    body = {"account_slug": tenant.registered["account_slug"], "password": PASSWORD}
    headers = {"Idempotency-Key": "once", "X-Track-Resources": "1"}
    async with tenant.client() as client:
        assert (await client.post(ERASE, json=body, headers=headers)).status_code == 200
        assert (await client.post(ERASE, json=body, headers=headers)).status_code == 401
    await gateway.runtime.extras["gateway"].audit.flush()
    with psycopg.connect(gateway.urls.owner) as connection:
        for table in ("users", "members", "sites", "refresh_families", "idempotency_keys", "request_metrics"):
            query = f"SELECT count(*) FROM {table} WHERE account_id = %s"
            assert connection.execute(query, (tenant.account_id,)).fetchone() == (0,), table
        noted = connection.execute(
            "SELECT action, status FROM audit_entries WHERE account_id = %s ORDER BY at DESC LIMIT 1",
            (tenant.account_id,),
        )
        assert noted.fetchone() == ("POST account/erase/", 200)


async def test_accounts_go_and_the_master_key_changes_while_others_work(postgres: PostgresServer) -> None:
    """A small one of `prove --only erasure`."""
    async with running(postgres) as house:
        proved = await leave(house, 1, stay=2)
    assert [outcome.name for outcome in proved.outcomes if not outcome.holds] == [], proved.findings
