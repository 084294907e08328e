"""The prices, as everybody may read them."""

from typing import Any

from common.api.answers import Success
from common.api.caller import Caller
from common.api.envelope import Answer, answer
from common.api.runtime import Runtime
from common.contracts.billing import RateCard
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from billing.amounts import credits
from billing.rates.views import current_card

router = APIRouter(prefix="/api/v1/billing", tags=["billing"])


class RateCardOut(BaseModel):
    """Credits. Content costs `content_per_unit` for `words_per_unit` words, rounded up to `content_step`."""

    model_config = ConfigDict(extra="forbid")

    version: int
    clustering: float
    ideas_per_cluster: float
    content_per_unit: float
    words_per_unit: int
    content_step: float
    content_minimum: float
    image_prompt: float
    image_by_model: dict[str, float]


@router.get("/rate-card/", summary="What AI operations cost", response_model=Success[RateCardOut])
async def rate_card(caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(shown(await current_card(tx)))


def shown(card: RateCard) -> dict[str, Any]:
    return {
        "version": card.version,
        "clustering": credits(card.clustering),
        "ideas_per_cluster": credits(card.ideas_per_cluster),
        "content_per_unit": credits(card.content_per_unit),
        "words_per_unit": card.words_per_unit,
        "content_step": credits(card.content_step),
        "content_minimum": credits(card.content_minimum),
        "image_prompt": credits(card.image_prompt),
        "image_by_model": {model: credits(amount) for model, amount in card.image_by_model.items()},
    }
