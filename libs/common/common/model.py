"""What a service is made of, apart from its edges: deciders, the public form of its facts, its views."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from common.contracts import Contract
from common.eventsourcing.decider import Decider
from common.eventsourcing.event import Event, EventTypes, Recorded, merge_types

if TYPE_CHECKING:
    from common.database import Sql

Apply = Callable[["Sql", Sequence[Recorded[Any]]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Projection:
    """Tables that follow from a service's own facts.

    `apply` takes the new events of the `categories` it follows, in order, and writes the tables; it uses table names
    without a schema (a rebuild runs it against tables beside the live ones) and takes times only from the events.
    """

    name: str
    categories: tuple[str, ...]
    tables: tuple[sa.Table, ...]
    apply: Apply


@dataclass(frozen=True)
class ServiceModel:
    """A service without its edges."""

    name: str
    deciders: tuple[Decider[Any, Any], ...]
    publish: Callable[[Recorded[Event]], Contract | None]
    projections: tuple[Projection, ...] = ()
    replicas: tuple[sa.Table, ...] = field(default=())
    """Tables kept from other services' events; `igny8 projections` digests them with the views."""
    hears_of_erased: bool = False
    """Whether it goes on hearing what other services did for accounts that were erased meanwhile: billing, whose amounts
    stay. The account itself is over for it too."""

    @cached_property
    def types(self) -> EventTypes:
        return merge_types(decider.types for decider in self.deciders)

    @cached_property
    def _followers(self) -> dict[str, tuple[Projection, ...]]:
        categories = {category for projection in self.projections for category in projection.categories}
        return {
            category: tuple(p for p in self.projections if category in p.categories)
            for category in categories
        }

    async def project(self, sql: "Sql", recorded: Sequence[Recorded[Event]]) -> None:
        """Bring the views up to the new events of one stream, in the transaction that records them."""
        category = recorded[0].stream.partition("-")[0]
        for projection in self._followers.get(category, ()):
            await projection.apply(sql, recorded)
