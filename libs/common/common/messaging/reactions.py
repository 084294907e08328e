"""What a service hears: each public event type has at most one reaction per aggregate, contract event in, command out."""

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar

from common.contracts import Contract, spec_of
from common.database import Transaction
from common.messaging.envelope import Heard

D = TypeVar("D", bound=Contract)
K = TypeVar("K", bound=Hashable)
Reaction = Callable[[Heard[Any], Transaction], Awaitable[None]]


class Reactions:
    """A table from contract to reactions; a folder's `reactions.py` fills one, `app.py` merges them in order."""

    def __init__(self, *, of_replicas: bool = False) -> None:
        """`of_replicas`: they write rows that follow from events alone and do nothing else, so they run again when an event
        that is known comes again. That is how replicas are filled that have lost rows."""
        self._of_replicas = of_replicas
        self._by_contract: dict[type[Contract], list[Reaction]] = {}
        self._by_stream: dict[str, list[Reaction]] = {}
        self._again_by_contract: dict[type[Contract], list[Reaction]] = {}
        self._again_by_stream: dict[str, list[Reaction]] = {}

    def on_stream(self, category: str) -> Callable[[Reaction], Reaction]:
        """Register what happens at every event of a category of streams, before its reactions: also for types this
        code does not know (`Unknown`) and for events that were parked."""

        def register(reaction: Reaction) -> Reaction:
            self._by_stream.setdefault(category, []).append(reaction)
            if self._of_replicas:
                self._again_by_stream.setdefault(category, []).append(reaction)
            return reaction

        return register

    def on(
        self, *contracts: type[D]
    ) -> Callable[
        [Callable[[Heard[D], Transaction], Awaitable[None]]],
        Callable[[Heard[D], Transaction], Awaitable[None]],
    ]:
        """Register a reaction; it only records and schedules, what takes time is a job."""

        def register(
            reaction: Callable[[Heard[D], Transaction], Awaitable[None]],
        ) -> Callable[[Heard[D], Transaction], Awaitable[None]]:
            for contract in contracts:
                self._by_contract.setdefault(contract, []).append(reaction)
                if self._of_replicas:
                    self._again_by_contract.setdefault(contract, []).append(reaction)
            return reaction

        return register

    def include(self, others: Iterable["Reactions"]) -> "Reactions":
        for other in others:
            _extend(self._by_contract, other._by_contract)
            _extend(self._by_stream, other._by_stream)
            _extend(self._again_by_contract, other._again_by_contract)
            _extend(self._again_by_stream, other._again_by_stream)
        return self

    @property
    def contracts(self) -> frozenset[type[Contract]]:
        return frozenset(self._by_contract)

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics on which something heard is said."""
        return _topics_of(self._by_contract)

    @property
    def replica_topics(self) -> tuple[str, ...]:
        """Those of them from which replicas are kept."""
        return _topics_of(self._again_by_contract)

    def follows(self, category: str) -> bool:
        """Whether every event of that category of streams is heard."""
        return category in self._by_stream

    def knows(self, event: Heard[Contract]) -> bool:
        return type(event.data) in self._by_contract or _category(event) in self._by_stream

    async def pass_by(self, event: Heard[Contract], tx: Transaction) -> None:
        """What an event moves on by merely having come by."""
        for reaction in self._by_stream.get(_category(event), ()):
            await reaction(event, tx)

    def keeps(self, event: Heard[Contract]) -> bool:
        """Whether a replica keeps something of it."""
        return type(event.data) in self._again_by_contract or _category(event) in self._again_by_stream

    async def keep_again(self, event: Heard[Contract], tx: Transaction) -> None:
        """Write what replicas keep of an event that was handled before; nothing else follows from it."""
        for reaction in self._again_by_stream.get(_category(event), ()):
            await reaction(event, tx)
        for reaction in self._again_by_contract.get(type(event.data), ()):
            await reaction(event, tx)

    async def handle(self, event: Heard[Contract], tx: Transaction) -> None:
        """Run the reactions to one event in the order they were included."""
        await self.pass_by(event, tx)
        for reaction in self._by_contract.get(type(event.data), ()):
            await reaction(event, tx)


def _extend(table: dict[K, list[Reaction]], by: Mapping[K, list[Reaction]]) -> None:
    for key, reactions in by.items():
        table.setdefault(key, []).extend(reactions)


def _topics_of(contracts: Iterable[type[Contract]]) -> tuple[str, ...]:
    return tuple(sorted({topic for contract in contracts for topic in spec_of(contract).topics()}))


def _category(event: Heard[Contract]) -> str:
    return event.subject.partition("-")[0]
