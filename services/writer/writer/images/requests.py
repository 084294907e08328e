"""Asking for image prompts and images."""

from collections.abc import Sequence
from uuid import UUID

from common.ai.operations import steps as operations
from common.ai.providers.choose import image_price
from common.contracts.operations import OperationItem
from common.database import Transaction
from common.replicas import prices

from writer.charges import image_charge, prompts_charge
from writer.content.events import ContentOrigin
from writer.images.jobs import IN_ARTICLE


async def request_prompts(
    tx: Transaction,
    operation_id: UUID,
    content_ids: Sequence[UUID],
    origin: ContentOrigin,
    *,
    in_article: int = IN_ARTICLE,
    user_id: UUID | None = None,
    run_id: UUID | None = None,
) -> None:
    """For articles of one sector. Raises 402, and 403 for a limit of the plan."""
    charge = prompts_charge(in_article)
    await operations.request(
        tx,
        operations.Request(
            operation_id=operation_id,
            function="generate_image_prompts",
            items=tuple(OperationItem(item_id=id, charge=charge) for id in content_ids),
            site_id=origin.site_id,
            sector_id=origin.sector_id,
            user_id=user_id,
            run_id=run_id,
            parameters={"in_article": in_article},
        ),
    )


async def request_images(
    tx: Transaction,
    operation_id: UUID,
    image_ids: Sequence[UUID],
    *,
    site_id: UUID,
    sector_id: UUID,
    model: str,
    user_id: UUID | None = None,
    run_id: UUID | None = None,
) -> None:
    """For images of one sector, made by `model` where no settings say otherwise. Raises 402, and 403 for a limit of the plan."""
    priced_as = await image_price(tx, tx.account_id, model)
    charge = image_charge(await prices.current_card(tx), priced_as)
    await operations.request(
        tx,
        operations.Request(
            operation_id=operation_id,
            function="generate_images",
            items=tuple(OperationItem(item_id=id, charge=charge) for id in image_ids),
            site_id=site_id,
            sector_id=sector_id,
            user_id=user_id,
            run_id=run_id,
        ),
    )
