"""What integrations hear: new sites, and the WordPress that somebody configured for one."""

from common.contracts.gateway import SiteAdded, SiteWordPressConfigured
from common.database import Transaction
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions

from publisher.integrations.decisions import INTEGRATION, UseFolder, UseWordPress, integration_id_of

reactions = Reactions()


@reactions.on(SiteAdded)
async def site_added(event: Heard[SiteAdded], tx: Transaction) -> None:
    site_id = event.data.site_id
    await tx.handle(INTEGRATION, integration_id_of(site_id), UseFolder(site_id))


@reactions.on(SiteWordPressConfigured)
async def wordpress_configured(event: Heard[SiteWordPressConfigured], tx: Transaction) -> None:
    said = event.data
    command = UseWordPress(said.site_id, said.url, said.username, said.secret)
    await tx.handle(INTEGRATION, integration_id_of(said.site_id), command)
