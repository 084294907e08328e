"""What billing says: prices and every movement of credits."""

from typing import Literal
from uuid import UUID

import msgspec

from common.contracts.base import Contract, contract
from common.contracts.operations import Function, Millicredits

MonthlyLimit = Literal["ai_requests", "words", "images"]
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


class MonthlyUse(msgspec.Struct, frozen=True, kw_only=True):
    """What AI operations asked for in a calendar month (UTC, `2026-01`) have made, and the most that those which run may make."""

    month: str
    ai_requests: int = 0
    words: int = 0
    images: int = 0


class LimitReached(msgspec.Struct, frozen=True, kw_only=True):
    """A limit of a month that an operation would have passed: `asked` is the most that it would have made beside `used`."""

    of: MonthlyLimit
    used: int
    asked: int
    limit: int


@contract(by=("billing",), heard_by=HEARERS)
class EntitlementsChanged(Contract, frozen=True, kw_only=True):
    """What the account's plan allows from now on; what there is above it stays.

    `chosen`: the account was put on the plan. Else its trial begins, or the plan has changed.
    """

    plan: str
    limits: Limits
    chosen: bool = False


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
    """`used` is what holds after it, here as of what follows; None where it is as before."""

    operation_id: UUID
    amount: Millicredits
    balance: Millicredits
    available: Millicredits
    expires_at: str
    used: MonthlyUse | None = None


@contract(by=("billing",), heard_by=HEARERS)
class CreditsRefused(Contract, frozen=True, kw_only=True):
    """For want of credits; where `reached` says so because of a limit of the plan, whatever credits there are."""

    operation_id: UUID
    needed: Millicredits
    available: Millicredits
    reached: LimitReached | None = None


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
    used: MonthlyUse | None = None


@contract(by=("billing",), heard_by=HEARERS)
class CreditsReleased(Contract, frozen=True, kw_only=True):
    """`amount` is 0 where only `used` has changed."""

    operation_id: UUID
    amount: Millicredits
    reason: Literal["settled", "failed", "expired", "cancelled"]
    balance: Millicredits
    available: Millicredits
    used: MonthlyUse | None = None


@contract(by=("billing",), heard_by=HEARERS)
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
