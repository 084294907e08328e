"""The planner on a real PostgreSQL, with a tenant that has credits."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import UUID

import pytest
from common.contracts.billing import CreditsGranted, RateCard, RateCardPublished
from common.ids import new_id
from planner.app import SERVICE

from tests.integration.planner.others import Others
from tests.integration.writer.service_parts import Parts, Tenant, running
from tests.support.database import ServiceUrls

CARD = RateCard(
    version=1,
    clustering=10_000,
    ideas_per_cluster=2_000,
    content_per_unit=1_000,
    words_per_unit=500,
    content_step=500,
    content_minimum=500,
    image_prompt=500,
    image_by_model={"local": 1_000},
)


@pytest.fixture
async def planner(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]], tmp_path: Path
) -> AsyncIterator[Parts]:
    with service_database("planner") as urls:
        async with running(SERVICE, urls, tmp_path) as parts:
            yield parts


@pytest.fixture
async def tenant(planner: Parts) -> Tenant:
    return await new_tenant(planner)


@pytest.fixture
def others(planner: Parts, tenant: Tenant) -> Others:
    return Others(planner, tenant)


async def new_tenant(planner: Parts, credits: int = 200) -> Tenant:
    tenant = Tenant()
    await planner.register(tenant)
    amount = credits * 1_000
    grant = CreditsGranted(grant_id=new_id(), kind="plan", amount=amount, balance=amount, available=amount)
    await planner.hear(tenant, RateCardPublished(card=CARD), grant)
    return tenant


def place(tenant: Tenant) -> dict[str, str]:
    return {"site_id": str(tenant.site), "sector_id": str(tenant.sector)}


async def add_keywords(planner: Parts, tenant: Tenant, *texts: str) -> list[UUID]:
    keywords = [{"keyword": text, "volume": 100 - n} for n, text in enumerate(texts)]
    answered = await planner.call(
        tenant, "POST", "/planner/keywords/bulk-import/", {**place(tenant), "keywords": keywords}
    )
    assert answered.status_code == 201, answered.text
    return [UUID(id) for id in answered.json()["data"]["ids"]]
