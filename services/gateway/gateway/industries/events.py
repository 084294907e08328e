"""What can happen to the catalogue of industries, and what is then true. One stream, of the system account."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec
from common.eventsourcing.event import Event


class IndustrySector(msgspec.Struct, frozen=True):
    """`slug` is unique in its industry."""

    slug: str
    name: str
    description: str = ""
    is_active: bool = True


class IndustryWritten(Event, frozen=True):
    """A new industry or a changed one, with all its sectors."""

    slug: str
    name: str
    description: str
    is_active: bool
    sectors: tuple[IndustrySector, ...]


@dataclass(frozen=True)
class Industry:
    name: str
    description: str = ""
    is_active: bool = True
    sectors: Mapping[str, IndustrySector] = field(default_factory=dict)


@dataclass(frozen=True)
class Industries:
    by_slug: Mapping[str, Industry] = field(default_factory=dict)


def evolve(industries: Industries, event: IndustryWritten) -> Industries:
    sectors = {sector.slug: sector for sector in event.sectors}
    industry = Industry(event.name, event.description, event.is_active, sectors)
    return replace(industries, by_slug={**industries.by_slug, event.slug: industry})
