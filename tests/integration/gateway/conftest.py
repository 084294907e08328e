"""Fixtures of the gateway's integration tests."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager

import aiohttp
import pytest
from gateway.staff.__main__ import run

from tests.integration.gateway.running import Gateway, Tenant, make_gateway, new_master_key
from tests.integration.gateway.upstream import Databases, Running, Upstream, answering, serving
from tests.parts.ports import free_port
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


@pytest.fixture(scope="module")
async def edge(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Running]:
    """Planner and writer are one service that streams, billing is away, the publisher is not configured."""
    upstream, port, dead = Upstream(), free_port(), free_port()
    upstreams = ",".join(
        f"{name}=http://127.0.0.1:{there}"
        for name, there in (("planner", port), ("writer", port), ("billing", dead))
    )
    with service_database("gateway") as urls, service_database("secrets") as secret_urls:
        shared = Databases(urls, secret_urls, tmp_path_factory.mktemp("edge"), new_master_key())
        async with answering(upstream.app(), port), serving(shared, upstreams) as (gateway, url):
            yield Running(gateway, url, upstream, await gateway.register(), shared)


@pytest.fixture
async def client(edge: Running) -> AsyncIterator[aiohttp.ClientSession]:
    edge.upstream.forget()
    async with aiohttp.ClientSession(edge.url, headers=edge.headers) as session:
        yield session
