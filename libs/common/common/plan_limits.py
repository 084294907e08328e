"""What a plan's limits mean where something is made (PRODUCT §4); no I/O, so that decisions can ask."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

import msgspec

from common.contracts.billing import LimitReached, Limits, MonthlyLimit, MonthlyUse
from common.contracts.operations import Charge
from common.eventsourcing.decider import DomainError

LimitName = Literal["users", "sites", "keywords", "clusters", "ideas", "ai_requests", "words", "images"]
MONTHLY: tuple[MonthlyLimit, ...] = ("ai_requests", "words", "images")
"""Counted anew in each calendar month (UTC): held where billing reserves for an operation."""
_WORDS: dict[MonthlyLimit, str] = {"ai_requests": "AI requests", "words": "words", "images": "images"}


class PlanLimitReached(DomainError):
    """`of` says of what; `used` counts what there was before."""

    code, status = "PLAN_LIMIT_REACHED", 403


def require_room(of: LimitName, limit: int | None, used: int, more: int = 1) -> None:
    """For `more` of them beside the `used` ones; `limit` None is unlimited. Raises `PlanLimitReached`."""
    if limit is not None and used + more > limit:
        raise PlanLimitReached(
            f"The plan allows {limit} {of}, {used} are used; {more} more would be too many."
            " Archive some, or choose a larger plan.",
            of=of,
            used=used,
            limit=limit,
        )


class Counts(msgspec.Struct, frozen=True, omit_defaults=True):
    """How much of each monthly limit something takes."""

    ai_requests: int = 0
    words: int = 0
    images: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.ai_requests + other.ai_requests, self.words + other.words, self.images + other.images
        )

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(
            self.ai_requests - other.ai_requests, self.words - other.words, self.images - other.images
        )

    def times(self, number: int) -> "Counts":
        return Counts(self.ai_requests * number, self.words * number, self.images * number)


NOTHING = Counts()


def counts_of(charge: Charge) -> Counts:
    """Of one item: an AI request, however often its model is called, and its words or its image.

    An item of no units asks no model: it is there to be answered.
    """
    if charge.units == 0:
        return NOTHING
    return Counts(
        1,
        charge.units if charge.kind == "content_words" else 0,
        charge.units if charge.kind == "image" else 0,
    )


def total(counts: Iterable[Counts]) -> Counts:
    return sum(counts, NOTHING)


def month_of(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m")


def used_in(month: str, used: MonthlyUse | None) -> MonthlyUse:
    """What is known to be used, where it is of that month: else nothing is."""
    return used if used is not None and used.month == month else MonthlyUse(month=month)


def moved(used: MonthlyUse, by: Counts) -> MonthlyUse:
    return MonthlyUse(
        month=used.month,
        ai_requests=used.ai_requests + by.ai_requests,
        words=used.words + by.words,
        images=used.images + by.images,
    )


def limit_reached(limits: Limits | None, used: MonthlyUse, asked: Counts) -> LimitReached | None:
    """The first limit that has no room for what is `asked` beside what is `used`; `limits` None are unlimited."""
    for of in MONTHLY:
        limit: int | None = getattr(limits, of, None)
        before, more = getattr(used, of), getattr(asked, of)
        if limit is not None and more and before + more > limit:
            return LimitReached(of=of, used=before, asked=more, limit=limit)
    return None


def explain(reached: LimitReached) -> str:
    return (
        f"The plan allows {reached.limit} {_WORDS[reached.of]} a month, {reached.used} are used or being made;"
        f" up to {reached.asked} more would be too many. Wait for the next month, or choose a larger plan."
    )


def require_monthly_room(limits: Limits | None, used: MonthlyUse, asked: Counts) -> None:
    """Raises `PlanLimitReached`."""
    reached = limit_reached(limits, used, asked)
    if reached is not None:
        raise PlanLimitReached(explain(reached), of=reached.of, used=reached.used, limit=reached.limit)
