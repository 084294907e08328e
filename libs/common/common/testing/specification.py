"""`given(DECIDER)(past facts).when(command).then(new facts)`: a decision tested as it is told."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import Event

S = TypeVar("S")
C = TypeVar("C")


def given(decider: Decider[S, C]) -> Callable[..., "Given[S, C]"]:
    """Start from the facts that already happened."""

    def facts(*events: Event) -> "Given[S, C]":
        return Given(decider, events)

    return facts


class Given(Generic[S, C]):
    def __init__(self, decider: Decider[S, C], events: tuple[Event, ...]) -> None:
        self._decider = decider
        self._events = events

    @property
    def state(self) -> S:
        return self._decider.fold(self._events)

    def when(self, command: C) -> "When":
        try:
            decided = tuple(self._decider.decide(command, self.state))
        except DomainError as error:
            return When((), error)
        return When(decided, None)


class When:
    def __init__(self, decided: tuple[Event, ...], error: DomainError | None) -> None:
        self.decided = decided
        self.error = error

    def then(self, *expected: Event) -> None:
        """Exactly these facts, in this order."""
        assert self.error is None, f"refused: {self.error!r}"
        assert self.decided == expected, f"\n decided: {self.decided}\nexpected: {expected}"

    def then_refused(self, error: type[DomainError], **details: Any) -> None:
        """That rule was broken; `details` must be among those the error carries."""
        assert isinstance(self.error, error), (
            f"not refused by {error.__name__}: {self.error!r} {self.decided}"
        )
        assert details.items() <= self.error.details.items(), self.error.details

    def then_nothing(self) -> None:
        """It already is so."""
        assert self.error is None, f"refused: {self.error!r}"
        assert self.decided == (), self.decided
