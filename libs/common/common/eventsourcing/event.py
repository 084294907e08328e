"""Facts as they are stored, and the envelope they are read back in."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

JSON = dict[str, Any]
Upcaster = Callable[[JSON], JSON]


class Event(msgspec.Struct, frozen=True, gc=False):
    """A fact of one aggregate, named in the past tense. Stored under its class name; never edited once released."""


E = TypeVar("E", bound=Event)
S = TypeVar("S")
C = TypeVar("C")


class UnknownEvent(Exception):
    """The store holds a type that this code has no class for: an older version runs, or a class was renamed."""


class Meta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Who and what caused an event; ids only."""

    correlation_id: UUID | None = None
    causation_id: UUID | None = None
    actor: str = "system"
    on_behalf_of: UUID | None = None
    request_id: str | None = None
    traceparent: str | None = None


class Recorded(msgspec.Struct, Generic[E], frozen=True, gc=False):
    """One event as the store keeps it. `position` orders a service's store, `version` its stream (from 1)."""

    position: int
    account_id: UUID
    stream: str
    version: int
    event_id: UUID
    event: E
    meta: Meta
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class EventTypes:
    """The stored types of one aggregate, and how old shapes become today's.

    `upcasters` maps a stored type name to a chain of functions dict -> dict, oldest first. Each takes a shape of
    any earlier age: it must leave a newer one as it is. A stored name that is no class name any more is
    renamed by `renamed`.
    """

    classes: tuple[type[Event], ...]
    upcasters: Mapping[str, tuple[Upcaster, ...]] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    _decoders: dict[str, "msgspec.json.Decoder[Any]"] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def decode(self, type_name: str, data: JSON) -> Event:
        """The event of a stored row; raises `UnknownEvent` or `msgspec.ValidationError`."""
        for upcast in self.upcasters.get(type_name, ()):
            data = upcast(data)
        name = self.renamed.get(type_name, type_name)
        event: Event = msgspec.convert(data, self._class(name))
        return event

    def decode_json(self, type_name: str, data: str | bytes) -> Event:
        """Like `decode` from the JSON text: the fast path, one pass, when nothing is to be upcast."""
        if type_name in self.upcasters or type_name in self.renamed:
            return self.decode(type_name, msgspec.json.decode(data))
        decoder = self._decoders.get(type_name)
        if decoder is None:
            decoder = self._decoders[type_name] = msgspec.json.Decoder(self._class(type_name))
        event: Event = decoder.decode(data)
        return event

    def _class(self, name: str) -> type[Event]:
        for cls in self.classes:
            if cls.__name__ == name:
                return cls
        raise UnknownEvent(f"no class for stored event type {name!r}")


def merge_types(groups: Iterable[EventTypes]) -> EventTypes:
    """All types of a service; raises ValueError when two aggregates use one name."""
    classes: dict[str, type[Event]] = {}
    upcasters: dict[str, tuple[Upcaster, ...]] = {}
    renamed: dict[str, str] = {}
    for group in groups:
        for cls in group.classes:
            if classes.setdefault(cls.__name__, cls) is not cls:
                raise ValueError(f"two aggregates store an event named {cls.__name__}")
        upcasters.update(group.upcasters)
        renamed.update(group.renamed)
    return EventTypes(tuple(classes.values()), upcasters, renamed)
