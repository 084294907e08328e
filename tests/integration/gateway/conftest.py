"""Fixtures of the gateway's integration tests."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager

import pytest
from gateway.staff.__main__ import run

from tests.integration.gateway.running import Gateway, Tenant, make_gateway
from tests.support.database import ServiceUrls


@pytest.fixture(scope="package")
async def gateway(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Gateway]:
    """Its jobs and loops work in this process, beside the tests of this package alone."""
    with service_database("gateway") as urls, service_database("secrets") as secret_urls:
        made = make_gateway(urls, secret_urls, tmp_path_factory.mktemp("gateway"))
        await made.runtime.database.open()
        async with made.working():
            yield made
        await made.runtime.extras["gateway"].audit.flush()
        await made.runtime.database.close()


@pytest.fixture
async def tenant(gateway: Gateway) -> Tenant:
    return await gateway.register()


@pytest.fixture
async def staff(gateway: Gateway) -> Tenant:
    made = await gateway.register()
    await run(["add", made.email], gateway.runtime.settings)
    return made
