"""Opening the place where a site's articles go."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from common.api.runtime import RuntimeOf
from common.database import Row
from common.erasure.jobs import Forget
from common.outbound import OutboundGuard
from common.replicas.accounts import replica_accounts, replica_sites
from common.secrets import SecretMissing

from publisher.adapters.folder import FolderTarget
from publisher.adapters.target import PublishTarget, TargetError
from publisher.adapters.wordpress import WordPressTarget
from publisher.integrations.decisions import INTEGRATION, integration_id_of
from publisher.integrations.events import Integration, IntegrationState


@dataclass(frozen=True)
class Opened:
    """`name` tells this place from any other that the site may have used before."""

    name: str
    target: PublishTarget


OpenTarget = Callable[[UUID, UUID], AbstractAsyncContextManager[Opened]]
"""Account and site in; raises `TargetError` where there is nothing to open."""


def opener(runtime: RuntimeOf) -> OpenTarget:
    """Targets by what the sites' integrations say. Credentials are resolved for the call and kept nowhere."""

    @asynccontextmanager
    async def open_target(account_id: UUID, site_id: UUID) -> AsyncIterator[Opened]:
        async with runtime.database.transaction(account_id) as tx:
            integration, _ = await tx.load(INTEGRATION, integration_id_of(site_id))
            site = await tx.first(sa.select(replica_sites).where(replica_sites.c.site_id == site_id))
            account = await tx.first(sa.select(replica_accounts.c.slug))
        place = _place(account_id, account)
        slug, title = (site["slug"], site["name"]) if site and site["slug"] else (str(site_id), "Articles")
        opened = (
            await _wordpress(runtime, account_id, integration)
            if isinstance(integration, Integration) and integration.platform == "wordpress"
            else _folder(runtime, place / slug, title)
        )
        try:
            yield opened
        finally:
            await opened.target.aclose()

    return open_target


def name_of(integration: IntegrationState) -> str:
    """The name of the place where a site publishes; of a folder, which its installation knows, only how it begins."""
    if isinstance(integration, Integration) and integration.platform == "wordpress":
        return f"wordpress:{integration.url.rstrip('/')}"
    return "folder:"


def remove_pages(runtime: RuntimeOf) -> Forget:
    """For an account that was erased: its folder of pages goes. What is in somebody's WordPress is theirs."""

    async def remove(account_id: UUID) -> None:
        async with runtime.database.transaction(account_id) as tx:
            account = await tx.first(sa.select(replica_accounts.c.slug))
        folder = runtime.settings.publish_folder
        if folder is not None:
            directory = folder / _place(account_id, account)
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=not directory.exists())

    return remove


def _place(account_id: UUID, account: Row | None) -> Path:
    """Two accounts may have sites of one name: each has a folder of its own, and nobody ever gets another's slug."""
    return Path((account or {}).get("slug") or str(account_id))


async def _wordpress(runtime: RuntimeOf, account_id: UUID, integration: Integration) -> Opened:
    assert integration.secret is not None, "WordPress is configured with its secret"
    try:
        password = await runtime.secrets.get(account_id, integration.secret)
    except SecretMissing as error:
        raise TargetError(
            "credentials_missing",
            "the application password of this site is not in the secret store any more",
            "Enter the application password again.",
        ) from error
    guard = OutboundGuard(frozenset(runtime.settings.allowed_private_hosts))
    target = WordPressTarget(
        integration.url,
        integration.username,
        password,
        guard=guard,
        settle_seconds=runtime.settings.site_settle_seconds,
    )
    return Opened(name_of(integration), target)


def _folder(runtime: RuntimeOf, place: Path, title: str) -> Opened:
    folder = runtime.settings.publish_folder
    if folder is None:
        raise TargetError(
            "no_target",
            "the site has no WordPress configured, and this installation publishes into no folder",
            "Give the site its WordPress address, user and application password.",
        )
    directory = folder / place
    return Opened(f"folder:{directory}", FolderTarget(directory, title=title))
