"""The writer on a real PostgreSQL."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import UUID

import pytest
from common.contracts.billing import CreditsGranted, RateCard, RateCardPublished
from common.contracts.planner import ClusterName, ClustersChanged, IdeaItem, IdeasQueued
from common.ids import new_id, stable_id
from writer.app import SERVICE

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
CLUSTER = stable_id("cluster of the writer's tests")


@pytest.fixture
async def writer(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]], tmp_path: Path
) -> AsyncIterator[Parts]:
    with service_database("writer") as urls:
        async with running(SERVICE, urls, tmp_path) as parts:
            yield parts


@pytest.fixture
async def tenant(writer: Parts) -> Tenant:
    """A tenant with credits and a cluster."""
    tenant = Tenant()
    await writer.register(tenant)
    await writer.hear(
        tenant,
        RateCardPublished(card=CARD),
        CreditsGranted(grant_id=new_id(), kind="plan", amount=200_000, balance=200_000, available=200_000),
        ClustersChanged(
            site_id=tenant.site,
            sector_id=tenant.sector,
            clusters=(ClusterName(cluster_id=CLUSTER, name="Forklift leasing"),),
        ),
    )
    return tenant


def ideas(*titles: str) -> tuple[IdeaItem, ...]:
    return tuple(
        IdeaItem(
            idea_id=stable_id("idea", title),
            cluster_id=CLUSTER,
            title=title,
            description="",
            content_type="post",
            content_structure="guide",
            target_keywords=("forklift leasing", title.lower()),
            word_count=400,
        )
        for title in titles
    )


def queued(tenant: Tenant, *titles: str, run_id: UUID | None = None) -> IdeasQueued:
    return IdeasQueued(
        site_id=tenant.site,
        sector_id=tenant.sector,
        ideas=ideas(*titles),
        run_id=run_id,
    )
