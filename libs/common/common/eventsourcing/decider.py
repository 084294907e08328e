"""The decider: an aggregate as three pure parts (Chassaing, "Functional Event Sourcing Decider")."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from common.eventsourcing.event import Event, EventTypes

S = TypeVar("S")
C = TypeVar("C")


class DomainError(Exception):
    """A rule was broken. Subclasses are named after the rule; `code`, `status` and `details` reach the API as they are."""

    code: ClassVar[str]
    status: ClassVar[int] = 409

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


@dataclass(frozen=True, slots=True)
class StreamName:
    """`category-uuid`: the only way a stream is named."""

    category: str
    id: UUID

    def __str__(self) -> str:
        return f"{self.category}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> "StreamName":
        """Raises ValueError for what is no stream name."""
        category, _, tail = text.partition("-")
        return cls(category, UUID(tail))


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[S]):
    """How the state of long streams is kept, so that a command need not fold them from their start.

    One is written at every `every` events. `shape` names what `encode` writes and what `evolve` means by it: under a new
    name the old ones are not read any more. `decode` raises `msgspec.DecodeError` for what it cannot read: then the
    stream is folded from its start.
    """

    shape: str
    encode: Callable[[S], bytes]
    decode: Callable[[str], S]
    every: int = 200


@dataclass(frozen=True, slots=True)
class Decider(Generic[S, C]):
    """One aggregate.

    `evolve` never fails; `decide` returns events, raises a `DomainError`, or returns `[]` when it already is so.
    Neither has I/O, a clock or randomness: what they need enters through the command.
    """

    category: str
    initial: S
    evolve: Callable[[S, Any], S]
    decide: Callable[[C, S], Sequence[Event]]
    types: EventTypes
    snapshot: Snapshot[S] | None = None

    def stream(self, id: UUID) -> StreamName:
        return StreamName(self.category, id)

    def fold(self, events: Iterable[Event], state: S | None = None) -> S:
        folded = self.initial if state is None else state
        for event in events:
            folded = self.evolve(folded, event)
        return folded
