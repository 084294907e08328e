"""What can happen to the strategies of an account, and what is then true. A stream per account."""

from dataclasses import dataclass, field, replace
from typing import Any, assert_never
from uuid import UUID

from common.contracts.settings import PromptType
from common.eventsourcing.event import Event
from rpds import HashTrieMap


class StrategyWritten(Event, frozen=True):
    """A new strategy, a changed or a restored one; without `sector_id` it is for the whole account."""

    strategy_id: UUID
    name: str
    description: str
    site_id: UUID | None
    sector_id: UUID | None
    prompt_types: tuple[PromptType, ...]
    section_logic: dict[str, Any]
    is_active: bool


class StrategyArchived(Event, frozen=True):
    """Carries the whole strategy, as its public form does."""

    strategy_id: UUID
    name: str
    description: str
    site_id: UUID | None
    sector_id: UUID | None
    prompt_types: tuple[PromptType, ...]
    section_logic: dict[str, Any]


StrategyEvent = StrategyWritten | StrategyArchived


@dataclass(frozen=True)
class Strategy:
    name: str
    description: str
    site_id: UUID | None
    sector_id: UUID | None
    prompt_types: tuple[PromptType, ...]
    section_logic: dict[str, Any]
    is_active: bool = False
    archived: bool = False


@dataclass(frozen=True)
class Strategies:
    """All strategies of an account; of each sector, and of the account as a whole, at most one is active."""

    by_id: "HashTrieMap[UUID, Strategy]" = field(default_factory=HashTrieMap)

    def active(self, sector_id: UUID | None) -> UUID | None:
        """The active one of that very sector, or of the account for None."""
        return next(
            (id for id, each in self.by_id.items() if each.is_active and each.sector_id == sector_id), None
        )


def evolve(strategies: Strategies, event: StrategyEvent) -> Strategies:
    match event:
        case StrategyWritten(id, name, description, site_id, sector_id, types, logic, is_active):
            strategy = Strategy(name, description, site_id, sector_id, types, logic, is_active)
        case StrategyArchived(id, name, description, site_id, sector_id, types, logic):
            strategy = Strategy(name, description, site_id, sector_id, types, logic, archived=True)
        case _:
            assert_never(event)
    return replace(strategies, by_id=strategies.by_id.insert(id, strategy))
