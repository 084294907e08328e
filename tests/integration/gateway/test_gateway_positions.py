"""Every answer that is made of what services say tells as of which position it speaks."""

from datetime import UTC, datetime
from typing import Any

from common.contracts import Contract
from common.contracts.billing import CreditsReserved
from common.contracts.gateway import MembershipChanged
from common.contracts.operations import AIOperationRequested, Charge, OperationItem
from common.contracts.publisher import PublishFailed
from common.database import Transaction
from common.ids import new_id
from gateway.app import SERVICE

from tests.integration.gateway.running import Gateway, Tenant
from tests.support import events

Positions = dict[str, int]


async def hear(gateway: Gateway, tenant: Tenant, source: str, said: Contract) -> None:
    """With all that the gateway does when it hears something."""
    assert SERVICE.hears is not None
    reactions = SERVICE.hears(gateway.runtime)
    event = events.heard(tenant.account_id, said, source=source, time=datetime.now(UTC))

    async def work(tx: Transaction) -> None:
        await reactions.handle(event, tx)

    await gateway.runtime.database.run(tenant.account_id, work)


async def ask(tenant: Tenant, path: str) -> tuple[Any, Positions]:
    async with tenant.client() as client:
        response = await client.get(f"/api/v1/{path}")
    assert response.status_code == 200, response.text
    data = response.json()["data"]
    assert all(each["at"] for each in data["as_of"])
    return data, {each["source"]: each["events"] for each in data["as_of"]}


async def test_of_every_answer_moves_with_what_it_shows(gateway: Gateway, tenant: Tenant) -> None:
    operation = new_id()
    place: dict[str, Any] = {"site_id": new_id(), "sector_id": new_id()}
    items = (OperationItem(item_id=new_id(), charge=Charge(kind="ideas", units=1)),)
    progress = f"system/settings/task_progress/{operation}/"
    answers = (progress, "notifications/", "notifications/unread_count/", "dashboard/", "search/?q=x")

    async def positions() -> Positions:
        asked = [(await ask(tenant, path))[1] for path in answers]
        assert asked == [asked[0]] * len(answers)
        return asked[0]

    asked = AIOperationRequested(
        operation_id=operation, function="generate_ideas", items=items, maximum=9, **place
    )
    await hear(gateway, tenant, "planner", asked)
    assert await positions() == {"planner": 1}
    assert (await ask(tenant, progress))[0]["phase"] == "Initializing"
    reserved = CreditsReserved(operation_id=operation, amount=9, balance=9, available=0, expires_at="x")
    await hear(gateway, tenant, "billing", reserved)
    assert await positions() == {"billing": 1, "planner": 1}
    assert (await ask(tenant, progress))[0]["phase"] == "Processing"
    assert (await ask(tenant, "notifications/"))[0]["count"] == 0
    failed = PublishFailed(content_id=new_id(), version=1, site_id=new_id(), error_code="X", message="No.")
    await hear(gateway, tenant, "publisher", failed)
    await hear(gateway, tenant, "gateway", MembershipChanged(user_id=new_id(), role="editor"))
    assert await positions() == {"billing": 1, "gateway": 1, "planner": 1, "publisher": 1}
    assert (await ask(tenant, "notifications/unread_count/"))[0]["unread"] == 2


async def test_of_a_list_is_told_by_its_pages_and_fields_too(gateway: Gateway, tenant: Tenant) -> None:
    failed = PublishFailed(content_id=new_id(), version=1, site_id=new_id(), error_code="X", message="No.")
    await hear(gateway, tenant, "publisher", failed)
    for query in ("?cursor=", "?fields=id,kind", "?page_size=1"):
        assert (await ask(tenant, f"notifications/{query}"))[1] == {"publisher": 1}
    async with tenant.client() as client:
        answer = await client.post("/api/v1/notifications/read_all/")
    assert answer.json()["data"]["unread"] == 0
    assert [each["source"] for each in answer.json()["data"]["as_of"]] == ["publisher"]
