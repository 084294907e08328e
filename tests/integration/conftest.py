"""What all integration tests of a worker share."""

from collections.abc import AsyncIterator

import pytest


@pytest.fixture(scope="session", autouse=True)
async def _one_local_provider() -> AsyncIterator[None]:
    """Its child process ends with the tests."""
    yield
    from tests.integration.writer.service_parts import LOCAL

    await LOCAL.close()
