"""The targets that the contract suite runs against."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from common.outbound import OutboundGuard
from publisher.adapters.folder import FolderTarget
from publisher.adapters.target import PublishTarget
from publisher.adapters.wordpress import WordPressTarget

from tests.parts.wordpress import RealWordPress


@pytest.fixture(scope="session")
def wordpress() -> Iterator[RealWordPress]:
    site = RealWordPress()
    site.start()
    yield site
    with suppress(ProcessLookupError):
        site.stop()


def wordpress_target(site: RealWordPress, *, user: str = "", password: str = "") -> WordPressTarget:
    guard = OutboundGuard(allowed_private=frozenset({"127.0.0.1"}))
    return WordPressTarget(
        site.url, user or site.user, password or site.app_password, guard=guard, settle_seconds=5
    )


@pytest.fixture(params=["folder", pytest.param("wordpress", marks=pytest.mark.wordpress)])
async def target(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PublishTarget]:
    target: PublishTarget
    if request.param == "folder":
        target = FolderTarget(tmp_path / "site")
    else:
        target = wordpress_target(request.getfixturevalue("wordpress"))
    yield target
    await target.aclose()
