"""What a plan's limits mean where something is made (PRODUCT §4); no I/O, so that decisions can ask."""

from typing import Literal

from common.eventsourcing.decider import DomainError

LimitName = Literal["users", "sites", "keywords", "clusters", "ideas", "ai_requests", "words", "images"]


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
