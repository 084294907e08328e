"""The replica of accounts and sites: the newest change of each stays, in whatever order they come."""

from uuid import UUID

import pytest
from common.api.errors import ApiError
from common.contracts import Contract
from common.contracts.gateway import SiteAdded, SiteArchived, SiteChanged
from common.database import Database
from common.ids import new_id
from common.replicas import accounts

from tests.support.events import heard


async def hear(database: Database, account: UUID, version: int, data: Contract) -> None:
    event = heard(account, data, version, source="gateway", category=accounts.ACCOUNT_STREAM)
    async with database.transaction(account) as tx:
        await accounts.reactions.handle(event, tx)


async def test_an_older_change_that_comes_late_changes_nothing(toy_database: Database) -> None:
    account, site = new_id(), new_id()
    added = SiteAdded(site_id=site, name="Acme", slug="acme", domain="acme.example")
    renamed = SiteChanged(
        site_id=site, name="Acme Ltd", slug="acme", domain="acme.example", status="active", is_active=True
    )
    await hear(toy_database, account, 2, added)
    await hear(toy_database, account, 4, renamed)
    await hear(toy_database, account, 3, added)
    async with toy_database.transaction(account) as tx:
        assert (await accounts.require_site(tx, site))["name"] == "Acme Ltd"
        assert await accounts.account_version(tx) == 4
    await hear(toy_database, account, 6, SiteArchived(site_id=site))
    await hear(toy_database, account, 5, renamed)
    async with toy_database.transaction(account) as tx:
        with pytest.raises(ApiError) as gone:
            await accounts.require_site(tx, site)
    assert gone.value.status == 404
