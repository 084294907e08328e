"""The publisher on a real PostgreSQL."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from publisher.app import SERVICE

from tests.integration.writer.service_parts import Parts, Tenant, running
from tests.support.database import ServiceUrls


@pytest.fixture
async def publisher(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]], tmp_path: Path
) -> AsyncIterator[Parts]:
    with service_database("publisher") as urls:
        async with running(SERVICE, urls, tmp_path, publish_folder=tmp_path / "sites") as parts:
            yield parts


@pytest.fixture
async def tenant(publisher: Parts) -> Tenant:
    tenant = Tenant()
    await publisher.register(tenant)
    return tenant
