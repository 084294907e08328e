"""The prices, as everybody may read them, and as staff publish them."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa
from common.api.answers import Listed, Success
from common.api.caller import Caller
from common.api.envelope import Answer, answer
from common.api.errors import not_found
from common.api.paging import Page, paginate
from common.api.runtime import Runtime
from common.contracts.billing import RateCard
from common.database import Row, Sql, Transaction
from common.ids import SYSTEM_ACCOUNT
from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from billing.amounts import PriceIn, credits, millicredits
from billing.rates.decisions import RATES, PublishNext
from billing.rates.views import current_card, rate_cards

router = APIRouter(prefix="/api/v1/billing", tags=["billing"])
staff_router = APIRouter(prefix="/api/v1/admin/rate-cards", tags=["admin"])

ALWAYS_THERE = "local"
"""The image model of accounts without a key: without a price nobody could make an image there."""
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Version = Annotated[int, Path(ge=1, le=2**31 - 1)]


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


class StaffRateCardOut(RateCardOut):
    published_at: datetime


class RateCardIn(BaseModel):
    """Credits. Content costs `content_per_unit` for `words_per_unit` words, rounded up to `content_step`."""

    model_config = ConfigDict(extra="forbid")

    clustering: PriceIn
    ideas_per_cluster: PriceIn
    content_per_unit: PriceIn
    words_per_unit: int = Field(ge=1, le=1_000_000, strict=True)
    content_step: PriceIn = Field(description="Credits, with at most three decimals, and more than 0.")
    content_minimum: PriceIn
    image_prompt: PriceIn
    image_by_model: dict[ModelName, PriceIn] = Field(
        min_length=1,
        max_length=500,
        description=f"With a price for `{ALWAYS_THERE}`.",
        examples=[{"local": 1}],
    )

    @field_validator("content_step")
    @classmethod
    def _is_a_step(cls, value: Decimal) -> Decimal:
        if not value:
            raise ValueError("must be more than 0: prices of content are rounded up to it")
        return value

    @field_validator("image_by_model")
    @classmethod
    def _prices_what_is_always_there(cls, value: dict[str, Decimal]) -> dict[str, Decimal]:
        if ALWAYS_THERE not in value:
            raise ValueError(f"add a price for {ALWAYS_THERE!r}, the model of accounts without a key")
        return value

    def card(self) -> RateCard:
        """Its version is still to be given."""
        prices = {
            name: millicredits(value)
            for name, value in self
            if name not in ("words_per_unit", "image_by_model")
        }
        images = {model: millicredits(price) for model, price in self.image_by_model.items()}
        return RateCard(version=0, words_per_unit=self.words_per_unit, image_by_model=images, **prices)


@router.get("/rate-card/", summary="What AI operations cost", response_model=Success[RateCardOut])
async def rate_card(caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(shown(await current_card(tx)))


@staff_router.get("/", summary="All rate cards", response_model=Success[Listed[StaffRateCardOut]])
async def list_rate_cards(caller: Caller, runtime: Runtime, page: Page, request: Request) -> Answer:
    ordering = {"version": rate_cards.c.version, "published_at": rate_cards.c.published_at}
    async with runtime.database.transaction(None) as tx:
        found = await paginate(
            tx,
            sa.select(rate_cards),
            page,
            request,
            ordering=ordering,
            default="-version",
            tie=rate_cards.c.version,
            show=_shown_to_staff,
        )
    return answer(found)


@staff_router.post(
    "/", status_code=201, summary="Publish the next rate card", response_model=Success[StaffRateCardOut]
)
async def publish_rate_card(body: RateCardIn, caller: Caller, runtime: Runtime) -> Answer:
    """From now on operations are reserved and settled by it; those on their way by the one they were reserved with.

    Publishing the prices that are in force anyway changes nothing.
    """

    async def work(tx: Transaction) -> Row:
        handled = await tx.handle(RATES, SYSTEM_ACCOUNT, PublishNext(body.card()))
        return await _row(tx, handled.state.newest)

    row = await runtime.database.run(SYSTEM_ACCOUNT, work, caller.meta)
    return answer(_shown_to_staff(row), status=201)


@staff_router.get("/{version}/", summary="A rate card", response_model=Success[StaffRateCardOut])
async def get_rate_card(version: Version, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(None) as tx:
        return answer(_shown_to_staff(await _row(tx, version)))


async def _row(sql: Sql, version: int) -> Row:
    row = await sql.first(sa.select(rate_cards).where(rate_cards.c.version == version))
    if row is None:
        raise not_found("Rate card", version)
    return row


def _shown_to_staff(row: Row) -> dict[str, Any]:
    return shown(msgspec.convert(row["card"], RateCard)) | {"published_at": row["published_at"]}


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
