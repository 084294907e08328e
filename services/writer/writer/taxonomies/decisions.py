"""What may be decided about a term: it is there once per site, taxonomy and slug, because its id is made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from common.contracts.writer import Taxonomy, TermItem
from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes
from common.ids import stable_id

from writer.slugs import slug_of
from writer.taxonomies.events import NoTerm, TermAdded, TermEvent, TermRenamed, TermState, evolve


class TermNotFound(DomainError):
    """There is no such term."""

    code = "NOT_FOUND"
    status = 404


@dataclass(frozen=True)
class AddTerm:
    site_id: UUID
    sector_id: UUID
    item: TermItem


@dataclass(frozen=True)
class RenameTerm:
    name: str


TermCommand = AddTerm | RenameTerm


def term_of(site_id: UUID, taxonomy: Taxonomy, name: str) -> TermItem:
    """The term that `name` stands for on a site."""
    slug = slug_of(name)
    return TermItem(term_id=stable_id(site_id, taxonomy, slug), taxonomy=taxonomy, name=name, slug=slug)


def terms_of(site_id: UUID, categories: Sequence[str], tags: Sequence[str]) -> tuple[TermItem, ...]:
    """The terms of an article, each once, categories first."""
    found = [term_of(site_id, "category", name) for name in categories]
    found += [term_of(site_id, "tag", name) for name in tags]
    return tuple({term.term_id: term for term in reversed(found)}.values())[::-1]


def decide(command: TermCommand, state: TermState) -> Sequence[TermEvent]:
    match command:
        case AddTerm(site_id, sector_id, item):
            if not isinstance(state, NoTerm):
                return []
            return [
                TermAdded(
                    term_id=item.term_id,
                    site_id=site_id,
                    sector_id=sector_id,
                    taxonomy=item.taxonomy,
                    name=item.name,
                    slug=item.slug,
                )
            ]
        case RenameTerm(name):
            if isinstance(state, NoTerm):
                raise TermNotFound("This term does not exist or is not yours.")
            if name == state.name:
                return []
            return [
                TermRenamed(
                    term_id=state.term_id,
                    site_id=state.site_id,
                    taxonomy=state.taxonomy,
                    name=name,
                    slug=state.slug,
                )
            ]
    assert_never(command)


TERM: Decider[TermState, TermCommand] = Decider(
    category="term",
    initial=NoTerm(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((TermAdded, TermRenamed)),
)
