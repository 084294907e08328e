"""What may be decided about the catalogue of industries; no I/O, no clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from common.eventsourcing.decider import Decider
from common.eventsourcing.event import EventTypes

from gateway.industries.events import Industries, Industry, IndustrySector, IndustryWritten, evolve


@dataclass(frozen=True)
class Entry:
    """What somebody says about an industry, or with `sector_slug` about one of its sectors.

    A sector makes its industry where there is none, and leaves one that is there as it is.
    """

    industry_slug: str
    industry_name: str
    sector_slug: str = ""
    sector_name: str = ""
    description: str = ""
    is_active: bool = True


@dataclass(frozen=True)
class WriteIndustries:
    """Each industry and each sector once."""

    entries: tuple[Entry, ...]


def decide(command: WriteIndustries, industries: Industries) -> Sequence[IndustryWritten]:
    after = dict(industries.by_slug)
    for entry in command.entries:
        after[entry.industry_slug] = _with(after.get(entry.industry_slug), entry)
    return [
        IndustryWritten(
            slug, industry.name, industry.description, industry.is_active, tuple(industry.sectors.values())
        )
        for slug, industry in after.items()
        if industry != industries.by_slug.get(slug)
    ]


def _with(industry: Industry | None, entry: Entry) -> Industry:
    if not entry.sector_slug:
        sectors = industry.sectors if industry else {}
        return Industry(entry.industry_name, entry.description, entry.is_active, sectors)
    there = industry or Industry(entry.industry_name)
    sector = IndustrySector(entry.sector_slug, entry.sector_name, entry.description, entry.is_active)
    return replace(there, sectors={**there.sectors, sector.slug: sector})


def compare(entries: Iterable[Entry], industries: Industries) -> tuple[int, int]:
    """How many of the entries the catalogue does not have, and how many it has otherwise."""
    new = changed = 0
    for entry in entries:
        known = industries.by_slug.get(entry.industry_slug)
        there = known.sectors.get(entry.sector_slug) if known and entry.sector_slug else known
        name = entry.sector_name if entry.sector_slug else entry.industry_name
        if there is None:
            new += 1
        elif (there.name, there.description, there.is_active) != (name, entry.description, entry.is_active):
            changed += 1
    return new, changed


INDUSTRIES: Decider[Industries, WriteIndustries] = Decider(
    category="industries",
    initial=Industries(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((IndustryWritten,)),
)
