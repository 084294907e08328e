"""What a service hears: each public event type has at most one reaction per aggregate, contract event in, command out."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from common.contracts import Contract, spec_of
from common.database import Transaction
from common.messaging.envelope import Heard

D = TypeVar("D", bound=Contract)
Reaction = Callable[[Heard[Any], Transaction], Awaitable[None]]


class Reactions:
    """A table from contract to reactions; a folder's `reactions.py` fills one, `app.py` merges them in order."""

    def __init__(self) -> None:
        self._by_contract: dict[type[Contract], list[Reaction]] = {}

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
            return reaction

        return register

    def include(self, others: Iterable["Reactions"]) -> "Reactions":
        for other in others:
            for contract, reactions in other._by_contract.items():
                self._by_contract.setdefault(contract, []).extend(reactions)
        return self

    @property
    def contracts(self) -> frozenset[type[Contract]]:
        return frozenset(self._by_contract)

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics on which something heard is said."""
        return tuple(
            sorted({topic for contract in self._by_contract for topic in spec_of(contract).topics()})
        )

    def knows(self, event: Heard[Contract]) -> bool:
        return type(event.data) in self._by_contract

    async def handle(self, event: Heard[Contract], tx: Transaction) -> None:
        """Run the reactions to one event in the order they were included."""
        for reaction in self._by_contract.get(type(event.data), ()):
            await reaction(event, tx)
