"""How the published language is written down: one frozen struct per event, registered with who says and who hears it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import msgspec

SERVICES = ("gateway", "planner", "writer", "billing", "publisher")


class Contract(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A public event's data. Readers ignore unknown fields; a new field needs a default (see docs/architecture/contracts.md)."""


@dataclass(frozen=True, slots=True)
class ContractSpec:
    """What is fixed about one public event: its class, version, who says it and who hears it."""

    cls: type[Contract]
    version: int
    by: tuple[str, ...]
    heard_by: tuple[str, ...]
    topic: str | None

    @property
    def name(self) -> str:
        return self.cls.__name__

    def type_from(self, source: str) -> str:
        """CloudEvents `type` when `source` says it, e.g. `igny8.planner.KeywordsClustered.v1`."""
        return f"igny8.{source}.{self.name}.v{self.version}"

    def topics(self) -> tuple[str, ...]:
        return (self.topic,) if self.topic else tuple(events_topic(source) for source in self.by)


C = TypeVar("C", bound=Contract)

_specs: dict[type[Contract], ContractSpec] = {}
_by_type: dict[str, ContractSpec] = {}


def events_topic(service: str) -> str:
    """The one topic a service says its public events on."""
    return f"igny8.{service}.events"


CONTROL_TOPIC = "igny8.control"
PROGRESS_TOPIC = "igny8.progress"


def contract(
    *, by: tuple[str, ...], heard_by: tuple[str, ...], version: int = 1, topic: str | None = None
) -> Callable[[type[C]], type[C]]:
    """Register a public event; `topic` only where it is not the service's events topic."""

    def register(cls: type[C]) -> type[C]:
        spec = ContractSpec(cls=cls, version=version, by=by, heard_by=heard_by, topic=topic)
        _specs[cls] = spec
        for source in by:
            _by_type[spec.type_from(source)] = spec
        return cls

    return register


def spec_of(cls: type[Contract]) -> ContractSpec:
    return _specs[cls]


def spec_for_type(type_name: str) -> ContractSpec | None:
    """The contract behind a CloudEvents `type`, or None for one this code does not know (yet)."""
    return _by_type.get(type_name)


def all_specs() -> Iterator[ContractSpec]:
    return iter(_specs.values())
