"""What may be decided about the strategies of an account; no I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, assert_never
from uuid import UUID

from common.contracts.settings import PromptType
from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes

from gateway.by_id import snapshot_by_id
from gateway.strategies.events import (
    Strategies,
    Strategy,
    StrategyArchived,
    StrategyEvent,
    StrategyWritten,
    evolve,
)


class StrategyMissing(DomainError):
    code, status = "NOT_FOUND", 404


@dataclass(frozen=True)
class WriteStrategy:
    """A new strategy, or another shape of one; the same once more changes nothing."""

    strategy_id: UUID
    strategy: Strategy


@dataclass(frozen=True)
class ArchiveStrategy:
    strategy_id: UUID


@dataclass(frozen=True)
class RestoreStrategy:
    """It comes back inactive: another one may have become active meanwhile."""

    strategy_id: UUID


StrategyCommand = WriteStrategy | ArchiveStrategy | RestoreStrategy


def decide(command: StrategyCommand, strategies: Strategies) -> Sequence[StrategyEvent]:
    id = command.strategy_id
    match command:
        case WriteStrategy(_, strategy):
            known = strategies.by_id.get(id)
            if known is not None and known.archived:
                raise StrategyMissing(f"Strategy {id} is archived; restore it first.")
            return [] if known == strategy else _place(strategies, id, strategy)
        case ArchiveStrategy():
            known = _strategy(strategies, id)
            return [] if known.archived else [StrategyArchived(id, *_fields(known))]
        case RestoreStrategy():
            known = _strategy(strategies, id)
            return [StrategyWritten(id, *_fields(known), False)] if known.archived else []
    assert_never(command)


def _place(strategies: Strategies, id: UUID, strategy: Strategy) -> Sequence[StrategyEvent]:
    """The strategy as it shall be; a newly active one relieves the one of the same sector."""
    written = StrategyWritten(id, *_fields(strategy), strategy.is_active)
    other = strategies.active(strategy.sector_id)
    if not strategy.is_active or other in (None, id):
        return [written]
    return [StrategyWritten(other, *_fields(strategies.by_id[other]), False), written]


def _fields(
    strategy: Strategy,
) -> tuple[str, str, UUID | None, UUID | None, tuple[PromptType, ...], dict[str, Any]]:
    return (
        strategy.name,
        strategy.description,
        strategy.site_id,
        strategy.sector_id,
        strategy.prompt_types,
        strategy.section_logic,
    )


def _strategy(strategies: Strategies, id: UUID) -> Strategy:
    strategy = strategies.by_id.get(id)
    if strategy is None:
        raise StrategyMissing(f"Strategy {id} does not exist or is not yours.")
    return strategy


STRATEGIES: Decider[Strategies, StrategyCommand] = Decider(
    category="strategies",
    initial=Strategies(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((StrategyWritten, StrategyArchived)),
    snapshot=snapshot_by_id("strategies.1", dict[UUID, Strategy], Strategies),
)
