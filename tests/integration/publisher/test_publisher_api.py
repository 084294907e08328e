"""The publisher's routes on a real PostgreSQL, publishing into a real folder."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from common.api.answers import Listed, Success
from common.contracts.gateway import SecretRef, SiteWordPressConfigured
from common.contracts.publisher import (
    ContentUnpublished,
    PublishFailed,
    SiteConnected,
    SiteConnectionFailed,
)
from common.ids import new_id
from common.secrets import SecretMissing
from publisher.integrations.api import IntegrationOut, ReportOut
from publisher.integrations.decisions import integration_id_of
from publisher.publications.api import PublicationOut

from tests.integration.publisher.test_publishing import ready
from tests.integration.writer.service_parts import Parts, Tenant

WORDPRESS = "http://127.0.0.1:9"
"""The discard port: nobody listens, and the guard lets nobody there anyway."""


class NoSecrets:
    """A secret store whose account was erased."""

    async def get(self, account_id: object, ref: SecretRef) -> str:
        raise SecretMissing("erased")


class OnePassword:
    async def get(self, account_id: object, ref: SecretRef) -> str:
        return "abcd efgh"


def _page(shown: Any) -> Path:
    return Path(unquote(urlsplit(shown["data"]["external_url"]).path))


async def test_a_site_publishes_into_its_folder_and_takes_back(publisher: Parts, tenant: Tenant) -> None:
    content_id = new_id()
    await publisher.hear(tenant, await ready(publisher, tenant, content_id))
    assert await publisher.work() == 1
    path = f"/publisher/publications/{content_id}/"
    shown = (await publisher.call(tenant, "GET", path)).json()
    Success[PublicationOut].model_validate(shown)
    assert (shown["data"]["status"], shown["data"]["published_version"]) == ("published", 1)
    folder = publisher.runtime.settings.publish_folder
    assert folder is not None
    assert _page(shown).is_relative_to(folder)
    listed = (await publisher.call(tenant, "GET", "/publisher/publications/", status="published")).json()
    Success[Listed[PublicationOut]].model_validate(listed)
    assert listed["data"]["count"] == 1

    assert (await publisher.call(tenant, "POST", f"{path}unpublish/", role="viewer")).status_code == 403
    gone = await publisher.call(tenant, "POST", f"{path}unpublish/")
    assert gone.json()["data"]["status"] == "unpublished"
    assert [said.content_id for said in await publisher.said(tenant, ContentUnpublished)] == [content_id]

    await publisher.hear(tenant, await ready(publisher, tenant, content_id))
    assert await publisher.work() == 1, "approved again, it goes out again"
    again = (await publisher.call(tenant, "GET", path)).json()["data"]
    assert (again["status"], again["external_id"]) == ("published", shown["data"]["external_id"])


async def test_what_is_out_is_taken_back_at_its_site_unless_a_newer_version_is_on_its_way(
    publisher: Parts, tenant: Tenant
) -> None:
    content_id = new_id()
    await publisher.hear(tenant, await ready(publisher, tenant, content_id))
    await publisher.work()
    path = f"/publisher/publications/{content_id}/"
    page = _page((await publisher.call(tenant, "GET", path)).json())
    await publisher.hear(tenant, await ready(publisher, tenant, content_id, version=2))
    refused = await publisher.call(tenant, "POST", f"{path}unpublish/")
    assert (refused.status_code, refused.json()["error_code"]) == (409, "INVALID_TRANSITION")
    assert page.exists()

    (job,) = await publisher.due()
    publish, *_ = publisher.handlers
    assert publish.give_up is not None
    await publish.give_up(publisher.attempt(job), RuntimeError("disk full"))
    shown = (await publisher.call(tenant, "POST", f"{path}unpublish/")).json()["data"]
    assert (shown["status"], shown["error"]) == ("unpublished", None)
    assert not page.exists()


async def test_it_is_taken_back_only_where_it_was_published(publisher: Parts, tenant: Tenant) -> None:
    publisher.runtime.secrets = OnePassword()
    content_id = new_id()
    await publisher.hear(tenant, await ready(publisher, tenant, content_id))
    await publisher.work()
    secret = SecretRef(secret_id=new_id(), version=1)
    await publisher.hear(
        tenant, SiteWordPressConfigured(site_id=tenant.site, url=WORDPRESS, username="ann", secret=secret)
    )
    path = f"/publisher/publications/{content_id}/"
    refused = await publisher.call(tenant, "POST", f"{path}unpublish/")
    assert (refused.status_code, refused.json()["error_code"]) == (409, "INVALID_TRANSITION")
    shown = (await publisher.call(tenant, "GET", path)).json()
    assert shown["data"]["target"].removeprefix("folder:") in refused.json()["error"]
    assert shown["data"]["status"] == "published"
    assert _page(shown).exists()


async def test_what_was_deleted_at_its_site_is_taken_back(publisher: Parts, tenant: Tenant) -> None:
    content_id = new_id()
    await publisher.hear(tenant, await ready(publisher, tenant, content_id))
    await publisher.work()
    folder = publisher.runtime.settings.publish_folder
    assert folder is not None
    (record,) = folder.rglob(".igny8/post/*.json")
    record.unlink()
    path = f"/publisher/publications/{content_id}/"
    gone = await publisher.call(tenant, "POST", f"{path}unpublish/")
    assert gone.json()["data"]["status"] == "unpublished"


async def test_a_new_site_has_a_folder_that_can_be_tested(publisher: Parts, tenant: Tenant) -> None:
    listed = (await publisher.call(tenant, "GET", "/integration/integrations/")).json()
    Success[Listed[IntegrationOut]].model_validate(listed)
    (integration,) = listed["data"]["results"]
    assert (integration["platform"], integration["connection"]) == ("folder", "untested")
    path = f"/integration/integrations/{integration['id']}/"
    report = (await publisher.call(tenant, "POST", f"{path}test-connection/")).json()
    Success[ReportOut].model_validate(report)
    assert report["data"]["status"] == "connected"
    assert (await publisher.call(tenant, "GET", path)).json()["data"]["connection"] == "connected"
    assert len(await publisher.said(tenant, SiteConnected)) == 1


async def test_a_wordpress_that_cannot_be_reached_says_what_to_do(publisher: Parts, tenant: Tenant) -> None:
    publisher.runtime.secrets = OnePassword()
    secret = SecretRef(secret_id=new_id(), version=1)
    await publisher.hear(
        tenant, SiteWordPressConfigured(site_id=tenant.site, url=WORDPRESS, username="ann", secret=secret)
    )
    path = f"/integration/integrations/{integration_id_of(tenant.site)}/"
    shown = await publisher.call(tenant, "GET", path)
    assert (shown.json()["data"]["platform"], shown.json()["data"]["url"]) == ("wordpress", WORDPRESS)
    assert str(secret.secret_id) not in shown.text
    report = (await publisher.call(tenant, "POST", f"{path}test-connection/")).json()["data"]
    assert (report["status"], report["error_code"]) == ("failed", "forbidden_address")
    assert report["remedy"]
    (failed,) = await publisher.said(tenant, SiteConnectionFailed)
    assert failed.error_code == "forbidden_address"
    assert "abcd efgh" not in str(await publisher.facts(tenant))


async def test_missing_credentials_fail_the_publication_for_its_run(publisher: Parts, tenant: Tenant) -> None:
    publisher.runtime.secrets = NoSecrets()
    secret = SecretRef(secret_id=new_id(), version=1)
    await publisher.hear(
        tenant, SiteWordPressConfigured(site_id=tenant.site, url=WORDPRESS, username="ann", secret=secret)
    )
    run = new_id()
    await publisher.hear(tenant, await ready(publisher, tenant, new_id(), run_id=run))
    (job,) = await publisher.due()
    publish, *_ = publisher.handlers
    assert publish.give_up is not None
    try:
        await publish.run(publisher.attempt(job))
    except Exception as error:
        await publish.give_up(publisher.attempt(job), error)
    (failed,) = await publisher.said(tenant, PublishFailed)
    assert (failed.error_code, failed.run_id) == ("credentials_missing", run)


async def test_nobody_sees_another_tenants(publisher: Parts, tenant: Tenant) -> None:
    content_id = new_id()
    await publisher.hear(tenant, await ready(publisher, tenant, content_id))
    stranger = Tenant()
    await publisher.register(stranger)
    publication = f"/publisher/publications/{content_id}/"
    integration = f"/integration/integrations/{integration_id_of(tenant.site)}/"
    for method, path in (
        ("GET", publication),
        ("POST", f"{publication}retry/"),
        ("POST", f"{publication}unpublish/"),
        ("GET", integration),
        ("POST", f"{integration}test-connection/"),
        ("POST", f"{integration}publish/"),
    ):
        answer = await publisher.call(stranger, method, path, {"content_id": str(content_id)})
        assert answer.status_code == 404, path
    assert (await publisher.call(stranger, "GET", "/publisher/publications/")).json()["data"]["count"] == 0
