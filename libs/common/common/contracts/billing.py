"""What billing says: prices and every movement of credits."""

from typing import Literal
from uuid import UUID

import msgspec

from common.contracts.base import Contract, contract
from common.contracts.operations import Function, Millicredits

GrantKind = Literal["plan", "purchase", "promotion", "refund", "adjustment"]
HEARERS = ("planner", "writer", "gateway")


class RateCard(msgspec.Struct, frozen=True, kw_only=True):
    """Prices in millicredits (PRODUCT §4). Content is priced per `words_per_unit` words, rounded up to `content_step`."""

    version: int
    clustering: Millicredits
    ideas_per_cluster: Millicredits
    content_per_unit: Millicredits
    words_per_unit: int
    content_step: Millicredits
    content_minimum: Millicredits
    image_prompt: Millicredits
    image_by_model: dict[str, Millicredits]


@contract(by=("billing",), heard_by=("planner", "writer"))
class RateCardPublished(Contract, frozen=True, kw_only=True):
    """For every tenant: said on the system account's key."""

    card: RateCard


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of each thing an account may have; of AI requests, words and images in a calendar month. None is unlimited."""

    users: int | None
    sites: int | None
    keywords: int | None
    clusters: int | None
    ideas: int | None
    ai_requests: int | None
    words: int | None
    images: int | None


@contract(by=("billing",), heard_by=("planner", "gateway"))
class EntitlementsChanged(Contract, frozen=True, kw_only=True):
    """What the account's plan allows from now on; what there is above it stays."""

    plan: str
    limits: Limits


@contract(by=("billing",), heard_by=("planner", "writer"))
class CreditsGranted(Contract, frozen=True, kw_only=True):
    """An `adjustment` may have a negative `amount`: staff took credits back."""

    grant_id: UUID
    kind: GrantKind
    amount: Millicredits
    balance: Millicredits
    available: Millicredits
    expires_at: str | None = None


@contract(by=("billing",), heard_by=HEARERS)
class CreditsReserved(Contract, frozen=True, kw_only=True):
    operation_id: UUID
    amount: Millicredits
    balance: Millicredits
    available: Millicredits
    expires_at: str


@contract(by=("billing",), heard_by=HEARERS)
class CreditsRefused(Contract, frozen=True, kw_only=True):
    operation_id: UUID
    needed: Millicredits
    available: Millicredits


@contract(by=("billing",), heard_by=HEARERS)
class CreditsDeducted(Contract, frozen=True, kw_only=True):
    """One item of an operation was charged; `amount` 0 where nothing was left to charge."""

    operation_id: UUID
    item_id: UUID
    function: Function
    amount: Millicredits
    balance: Millicredits
    available: Millicredits
    run_id: UUID | None = None


@contract(by=("billing",), heard_by=("planner", "writer"))
class CreditsReleased(Contract, frozen=True, kw_only=True):
    operation_id: UUID
    amount: Millicredits
    reason: Literal["settled", "failed", "expired", "cancelled"]
    balance: Millicredits
    available: Millicredits


@contract(by=("billing",), heard_by=("planner", "writer"))
class CreditsExpired(Contract, frozen=True, kw_only=True):
    """What was left of a grant at its end."""

    grant_id: UUID
    amount: Millicredits
    balance: Millicredits
    available: Millicredits


@contract(by=("billing",), heard_by=())
class CreditsWrittenOff(Contract, frozen=True, kw_only=True):
    """The part of a late outcome's price that nothing was left to pay."""

    operation_id: UUID
    item_id: UUID
    amount: Millicredits
